import { useState } from 'react';
import { entriesOf, type Json, previewOf, sizeOf } from './json';

const firstEntries = 100;

// JsonTree shows the entries of a value; what is inside them is made when they are opened.
export function JsonTree({ value }: { value: Json }) {
  const [limit, setLimit] = useState(firstEntries);
  const rest = sizeOf(value) - limit;
  return (
    <ul className="border-l border-line pl-3">
      {entriesOf(value, limit).map((entry) => (
        <li key={entry.key}>
          {entry.size > 0 ? (
            <Branch name={entry.key} value={entry.value} />
          ) : (
            <span className="pl-4 break-all whitespace-pre-wrap">
              <Name>{entry.key}</Name>
              <span className="text-text">{typeof entry.value === 'string' ? entry.value : entry.preview}</span>
            </span>
          )}
        </li>
      ))}
      {rest > 0 && (
        <li>
          <button type="button" className="pl-4 text-accent-text hover:underline" onClick={() => { setLimit(limit + firstEntries); }}>
            {rest} more
          </button>
        </li>
      )}
    </ul>
  );
}

function Branch({ name, value }: { name: string; value: Json }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button type="button" aria-expanded={open} className="text-left hover:bg-hover" onClick={() => { setOpen(!open); }}>
        <span aria-hidden className="inline-block w-4 text-faint">{open ? '▾' : '▸'}</span>
        <Name>{name}</Name>
        <span className="text-muted">{previewOf(value)}</span>
      </button>
      {open && <div className="pl-4"><JsonTree value={value} /></div>}
    </>
  );
}

const Name = ({ children }: { children: string }) => <span className="text-accent-text">{children}: </span>;
