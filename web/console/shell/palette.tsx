import { Search } from 'lucide-react';
import { useId, useState } from 'react';
import { cx } from '../ui/cx';
import { Modal } from '../ui/dialog';
import { rank } from './match';
import { useItems } from './palette-items';

const most = 12;

// Palette leads anywhere by a few letters.
export function Palette({ onClose }: { onClose: () => void }) {
  const { items, more } = useItems();
  const id = useId();
  const [typed, setTyped] = useState('');
  const [at, setAt] = useState(0);
  const found = items
    .map((item) => ({ item, rank: rank(`${item.text} ${item.detail}`, typed) }))
    .filter((f) => f.rank >= 0)
    .sort((a, b) => a.rank - b.rank)
    .slice(0, most)
    .map((f) => f.item);
  const chosen = Math.min(at, found.length - 1);
  const go = (index: number) => {
    onClose();
    found[index]?.run();
  };
  const onKeyDown = (event: React.KeyboardEvent) => {
    if (event.key === 'ArrowDown') setAt((chosen + 1) % Math.max(1, found.length));
    else if (event.key === 'ArrowUp') setAt((chosen - 1 + found.length) % Math.max(1, found.length));
    else if (event.key === 'Enter') go(chosen);
    else return;
    event.preventDefault();
  };
  return (
    <Modal onClose={onClose} label="Go anywhere" className="mt-[12vh] max-w-xl">
      <div className="flex items-center gap-3 border-b border-line px-4">
        <Search aria-hidden className="size-4 shrink-0 text-faint" />
        <input
          autoFocus
          role="combobox"
          aria-expanded
          aria-controls={`${id}-list`}
          aria-activedescendant={found[chosen] ? `${id}-${chosen}` : undefined}
          aria-label="Project, service or command"
          placeholder="Project, service or command"
          value={typed}
          onChange={(event) => {
            setTyped(event.target.value);
            setAt(0);
          }}
          onKeyDown={onKeyDown}
          className="h-12 w-full bg-transparent outline-none placeholder:text-faint"
        />
      </div>
      <ul id={`${id}-list`} role="listbox" aria-label="What fits" className="max-h-[50vh] overflow-y-auto p-1.5">
        {found.map((item, i) => (
          <li
            key={item.id}
            id={`${id}-${i}`}
            role="option"
            aria-selected={i === chosen}
            onMouseMove={() => { setAt(i); }}
            onClick={() => { go(i); }}
            className={cx('flex cursor-pointer items-center justify-between gap-4 rounded-md px-3 py-2', i === chosen && 'bg-hover')}
          >
            <span className="truncate">{item.text}</span>
            <span className="shrink-0 text-xs text-faint">{item.detail}</span>
          </li>
        ))}
        {found.length === 0 && <li className="px-3 py-6 text-center text-muted">{more ? 'Looking…' : `Nothing fits “${typed}”.`}</li>}
      </ul>
    </Modal>
  );
}
