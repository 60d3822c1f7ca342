import { FilePlus2, Pencil, Trash2, Undo2 } from 'lucide-react';
import { Button } from '../ui/button';
import { Input, Textarea } from '../ui/field';
import { bytes } from '../ui/size';
import { fileProblem } from './problems';
import type { File, Values } from './values';

type Props = { values: Values; disabled: boolean; onChange: (files: File[]) => void };

// ConfigFiles are small files that each container gets. What one holds cannot be
// read here, only replaced.
export function ConfigFiles({ values, disabled, onChange }: Props) {
  const all = values.files;
  const change = (at: number, part: Partial<File>) => { onChange(all.map((f, i) => (i === at ? { ...f, ...part } : f))); };
  return (
    <div className="flex flex-col gap-3">
      {all.length === 0 && <p className="text-muted">None.</p>}
      <ul className="flex flex-col gap-4">
        {all.map((f, i) => {
          const problem = fileProblem(values, i);
          const kept = f.size !== null; // it is there already
          return (
            <li key={i} className="flex flex-col gap-2">
              <div className="grid grid-cols-[minmax(0,1fr)_4.5rem_auto] items-center gap-2">
                <Input mono disabled={disabled} readOnly={kept} aria-label={`Path of file ${i + 1}`} placeholder="/etc/app.conf" value={f.path} onChange={(event) => { change(i, { path: event.target.value }); }} />
                <Input mono disabled={disabled} aria-label={`Mode of file ${i + 1}`} placeholder="644" value={f.mode} onChange={(event) => { change(i, { mode: event.target.value }); }} />
                <div className="flex">
                  {kept && (
                    <Button tone="quiet" size="icon" disabled={disabled} aria-label={f.content === null ? `Replace what ${f.path} holds` : `Keep what ${f.path} holds`} onClick={() => { change(i, { content: f.content === null ? '' : null }); }}>
                      {f.content === null ? <Pencil aria-hidden /> : <Undo2 aria-hidden />}
                    </Button>
                  )}
                  <Button tone="quiet" size="icon" disabled={disabled} aria-label={`Remove ${f.path || `file ${i + 1}`}`} onClick={() => { onChange(all.filter((_, n) => n !== i)); }}><Trash2 aria-hidden /></Button>
                </div>
              </div>
              {f.content === null ? (
                <p className="text-[13px] text-faint">holds {bytes(f.size ?? 0)}, which cannot be shown</p>
              ) : (
                <Textarea disabled={disabled} aria-label={`Content of file ${i + 1}`} rows={4} placeholder="What it holds" value={f.content} onChange={(event) => { change(i, { content: event.target.value }); }} />
              )}
              {problem && f.path && <p role="alert" className="text-[13px] text-bad">{problem}</p>}
            </li>
          );
        })}
      </ul>
      <div className="flex flex-wrap items-center gap-3">
        <Button size="small" disabled={disabled || all.length >= 20} onClick={() => { onChange([...all, { path: '', mode: '644', content: '', size: null }]); }}><FilePlus2 aria-hidden /> Add a file</Button>
        {all.length > 0 && <p className="text-[13px] text-muted">Absolute path, permission bits and content.</p>}
      </div>
    </div>
  );
}
