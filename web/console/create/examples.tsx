import { FileText, SquareTerminal } from 'lucide-react';
import { cx } from '../ui/cx';
import type { Kind } from './draft';
import { examples } from './example-list';

type Props = { chosen: string; onChoose: (example: { example: string; kind: Kind }) => void };

// Examples offers what one can deploy without having anything.
export const Examples = ({ chosen, onChoose }: Props) => (
  <fieldset>
    <legend className="mb-2 text-muted">Deploy one to see how it goes. Its files come with Davit and are sent as an upload.</legend>
    <div className="grid gap-3 sm:grid-cols-2">
      {examples.map((e) => (
        <label
          key={e.name}
          className={cx(
            'flex cursor-pointer items-start gap-3 rounded-lg border p-3.5 transition-colors has-focus-visible:outline-2 has-focus-visible:outline-accent',
            chosen === e.name ? 'border-accent bg-accent/8' : 'border-line-strong hover:bg-hover',
          )}
        >
          <input type="radio" name="example" className="sr-only" checked={chosen === e.name} onChange={() => { onChoose({ example: e.name, kind: e.kind }); }} />
          {e.kind === 'STATIC_SITE' ? <FileText aria-hidden className="mt-0.5 size-5 shrink-0 text-accent-text" /> : <SquareTerminal aria-hidden className="mt-0.5 size-5 shrink-0 text-accent-text" />}
          <span>
            <span className="block font-medium">{e.title}</span>
            <span className="block text-[13px] text-muted">{e.text}</span>
            <span className="mt-1 block text-[13px] text-faint">{e.needs}</span>
          </span>
        </label>
      ))}
    </div>
  </fieldset>
);
