import { Funnel } from 'lucide-react';
import { type Ref, useEffect, useId, useState } from 'react';
import { Select } from '../ui/field';
import { fieldOf, type Filter, withField } from './filter';

interface Props {
  value: string;
  filter: Filter; // what value says
  onChange: (value: string) => void;
  replicas: readonly { id: string; name: string }[];
  build: boolean; // a build has one stream and no replicas
  inputRef: Ref<HTMLInputElement>;
}

const typingPause = 350;

// FilterBar is where one says which lines are shown: in words, or by the menus beside them.
export function FilterBar({ value, filter, onChange, replicas, build, inputRef }: Props) {
  const [typed, setTyped] = useState(value);
  const [known, setKnown] = useState(value);
  const id = useId();
  if (value !== known) {
    setKnown(value); // changed from elsewhere
    setTyped(value);
  }
  useEffect(() => {
    if (typed === known) return;
    const timer = setTimeout(() => {
      setKnown(typed);
      onChange(typed);
    }, typingPause);
    return () => { clearTimeout(timer); };
  }, [typed, known, onChange]);
  const set = (key: 'level' | 'stream' | 'replica', chosen: string) => { onChange(withField(typed, key, chosen || null)); };
  const [problem] = filter.problems;

  return (
    <div className="flex flex-wrap items-center gap-2">
      <div className="relative min-w-48 flex-1 max-sm:basis-full">
        <Funnel aria-hidden className="absolute top-2 left-2.5 size-3.5 text-faint" />
        <input
          ref={inputRef}
          value={typed}
          onChange={(event) => { setTyped(event.target.value); }}
          onKeyDown={(event) => { if (event.key === 'Enter') { setKnown(typed); onChange(typed); } }}
          type="search"
          aria-label="Filter"
          aria-invalid={problem ? true : undefined}
          aria-describedby={problem ? id : undefined}
          placeholder={'Filter: word "some text" level:error -noise /expr/'}
          autoComplete="off"
          spellCheck={false}
          className="h-7.5 w-full rounded-md border border-line-strong bg-surface pr-2 pl-8 font-mono text-xs placeholder:text-faint focus-visible:outline-offset-0 aria-invalid:border-bad"
        />
        {problem && (
          <p id={id} role="status" className="absolute top-full left-0 z-10 mt-1 rounded-md border border-bad/40 bg-raised px-2 py-1 text-xs text-bad shadow-pop">
            <code className="mr-2 rounded bg-bad/10 px-1">{value.slice(problem.from, problem.to)}</code>
            {problem.message}
          </p>
        )}
      </div>
      <Choice label="Severity" value={fieldOf(typed, 'level') ?? ''} onChange={(v) => { set('level', v); }}
        choices={[['', 'All levels'], ['debug', 'Debug and up'], ['info', 'Info and up'], ['warn', 'Warnings and up'], ['error', 'Errors and up'], ['fatal', 'Fatal']]} />
      {!build && (
        <Choice label="Stream" value={fieldOf(typed, 'stream') ?? ''} onChange={(v) => { set('stream', v); }}
          choices={[['', 'All streams'], ['build', 'Build'], ['stdout', 'stdout'], ['stderr', 'stderr'], ['stdout,stderr', 'Application'], ['system', 'Davit']]} />
      )}
      {!build && replicas.length > 0 && (
        <Choice label="Replica" value={fieldOf(typed, 'replica') ?? ''} onChange={(v) => { set('replica', v); }}
          choices={[['', 'All replicas'], ...replicas.map((r): [string, string] => [r.id, r.name])]} />
      )}
    </div>
  );
}

interface ChoiceProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  choices: [string, string][];
}

function Choice({ label, value, onChange, choices }: ChoiceProps) {
  const known = choices.some(([choice]) => choice === value);
  return (
    <div className="w-36 max-sm:w-auto max-sm:flex-1">
      <Select aria-label={label} value={value} onChange={(event) => { onChange(event.target.value); }} className="h-7.5! text-xs">
        {choices.map(([choice, text]) => <option key={choice} value={choice}>{text}</option>)}
        {!known && <option value={value}>{value}</option>}
      </Select>
    </div>
  );
}
