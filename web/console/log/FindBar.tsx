import { ChevronDown, ChevronUp, LoaderCircle } from 'lucide-react';
import type { Ref } from 'react';
import { Button } from '../ui/button';

interface Props {
  value: string;
  onChange: (value: string) => void;
  onStep: (step: 1 | -1) => void;
  onLeave: () => void;
  count: string; // what is found, '' where that is not known
  state: 'idle' | 'looking' | 'none' | 'invalid';
  inputRef: Ref<HTMLInputElement>;
}

const states: Record<Props['state'], string> = { idle: '', looking: 'Looking…', none: 'No more', invalid: 'No expression' };

// FindBar looks for a text, or for a /regular expression/, in what is shown.
export const FindBar = ({ value, onChange, onStep, onLeave, count, state, inputRef }: Props) => (
  <div className="flex min-w-44 flex-1 items-center gap-0.5" role="search">
    <div className="relative min-w-0 flex-1">
      <input
        ref={inputRef}
        value={value}
        onChange={(event) => { onChange(event.target.value); }}
        onKeyDown={(event) => {
          if (event.key === 'Enter') onStep(event.shiftKey ? -1 : 1);
          if (event.key === 'Escape') onLeave();
        }}
        type="search"
        aria-label="Find in the log"
        placeholder="Find"
        autoComplete="off"
        spellCheck={false}
        className="h-7 w-full rounded-md border border-line bg-surface pr-24 pl-2 font-mono text-xs placeholder:text-faint focus-visible:outline-offset-0"
      />
      <span role="status" className="pointer-events-none absolute top-1.5 right-7 flex items-center gap-1 text-xs text-faint">
        {state === 'looking' && <LoaderCircle aria-hidden className="size-3 animate-spin" />}
        {states[state] || count}
      </span>
    </div>
    <Button tone="quiet" size="icon" className="size-7" aria-label="Previous match" disabled={!value} onClick={() => { onStep(-1); }}><ChevronUp aria-hidden /></Button>
    <Button tone="quiet" size="icon" className="size-7" aria-label="Next match" disabled={!value} onClick={() => { onStep(1); }}><ChevronDown aria-hidden /></Button>
  </div>
);
