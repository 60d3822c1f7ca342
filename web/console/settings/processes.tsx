import { Plus, Trash2 } from 'lucide-react';
import { Button } from '../ui/button';
import { Input } from '../ui/field';
import { processProblem } from './problems';
import type { Process, Values } from './values';

type Props = { values: Values; disabled: boolean; onChange: (processes: Process[]) => void };

// Processes are what runs beside a service: a worker, a scheduler.
export function Processes({ values, disabled, onChange }: Props) {
  const all = values.processes;
  const change = (at: number, part: Partial<Process>) => { onChange(all.map((p, i) => (i === at ? { ...p, ...part } : p))); };
  return (
    <div className="flex flex-col gap-3">
      {all.length === 0 && <p className="text-muted">None in its settings. Those of a Procfile run all the same.</p>}
      <ul className="flex flex-col gap-3">
        {all.map((p, i) => {
          const problem = processProblem(values, i);
          return (
            <li key={i} className="grid grid-cols-[minmax(0,1fr)_4.5rem_2rem] items-center gap-2 sm:grid-cols-[9rem_minmax(0,1fr)_4.5rem_2rem]">
              <Input mono disabled={disabled} aria-label={`Name of process ${i + 1}`} className="col-span-3 sm:col-span-1" placeholder="worker" value={p.name} onChange={(event) => { change(i, { name: event.target.value }); }} />
              <Input mono disabled={disabled} aria-label={`Command of process ${i + 1}`} placeholder="bundle exec sidekiq" value={p.command} onChange={(event) => { change(i, { command: event.target.value }); }} />
              <Input mono disabled={disabled} aria-label={`Replicas of process ${i + 1}`} type="number" min={0} max={50} value={p.replicas} onChange={(event) => { change(i, { replicas: event.target.value }); }} />
              <Button tone="quiet" size="icon" disabled={disabled} aria-label={`Remove process ${p.name || i + 1}`} onClick={() => { onChange(all.filter((_, n) => n !== i)); }}><Trash2 aria-hidden /></Button>
              {problem && (p.name || p.command) && <p role="alert" className="col-span-full text-[13px] text-bad">{problem}</p>}
            </li>
          );
        })}
      </ul>
      <div className="flex flex-wrap items-center gap-3">
        <Button size="small" disabled={disabled || all.length >= 20} onClick={() => { onChange([...all, { name: '', command: '', replicas: '1' }]); }}><Plus aria-hidden /> Add a process</Button>
        {all.length > 0 && <p className="text-[13px] text-muted">Name, command and replicas. “Scale” changes how many run without a deployment.</p>}
      </div>
    </div>
  );
}
