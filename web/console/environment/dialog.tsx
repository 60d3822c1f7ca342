import { useState } from 'react';
import { useForm } from '../api/act';
import { code, field, sentence } from '../api/fault';
import { CopyAs } from '../shell/copy-as';
import { Button } from '../ui/button';
import { cx } from '../ui/cx';
import { Dialog } from '../ui/dialog';
import { Field, Input, Select } from '../ui/field';
import { ProblemLine } from '../ui/problem-line';
import { colorClass, colors } from './color';
import { createEnvironment, updateEnvironment } from './operations';

export type Environment = { id: string; slug: string; name: string; version: number; color: string | null; concurrency: 'SUPERSEDE' | 'QUEUE' };

const kinds = [['STAGING', 'A rehearsal of production'], ['DEVELOPMENT', 'Work in progress'], ['PREVIEW', 'One change, for a time'], ['PRODUCTION', 'What users see']] as const;
const policies = [['SUPERSEDE', 'Replaces one that waits or builds'], ['QUEUE', 'Waits for its turn']] as const;

type Props = { projectId: string; environment?: Environment | undefined; onClose: () => void; onDone: (environment: { slug: string; name: string }) => void };

// EnvironmentDialog makes an environment, or changes one.
export function EnvironmentDialog({ projectId, environment, onClose, onDone }: Props) {
  const making = useForm(createEnvironment);
  const changing = useForm(updateEnvironment);
  const { busy, problem, clear } = environment ? changing : making;
  const [name, setName] = useState(environment?.name ?? '');
  const [kind, setKind] = useState<(typeof kinds)[number][0]>('STAGING');
  const [concurrency, setConcurrency] = useState<(typeof policies)[number][0]>(environment?.concurrency ?? 'SUPERSEDE');
  const [color, setColor] = useState(environment?.color ?? null);
  const create = { projectId, name: name.trim(), kind, concurrency, color };
  const update = { environmentId: environment?.id ?? '', expectedVersion: environment?.version ?? 0, name: name.trim(), concurrency, color };
  const named = problem && ['name', 'slug'].includes(field(problem));
  const submit = async () => {
    if (!name.trim() || busy) return;
    if (environment) {
      if (await changing.run({ input: update })) onDone({ slug: environment.slug, name: update.name });
      return;
    }
    const data = await making.run({ input: create });
    if (data) onDone(data.createEnvironment.environment);
  };
  return (
    <Dialog
      onClose={onClose}
      title={environment ? `Change ${environment.name}` : 'New environment'}
      description={environment ? 'Host names stay as they are.' : 'Every service of the project gets an instance in it, which is not deployed yet. What runs there does not see what runs elsewhere.'}
      onSubmit={() => void submit()}
      actions={
        <>
          <div className="mr-auto self-center">{environment ? <CopyAs document={updateEnvironment} variables={{ input: update }} /> : <CopyAs document={createEnvironment} variables={{ input: create }} />}</div>
          <Button onClick={onClose}>Cancel</Button>
          <Button tone="primary" type="submit" busy={busy} disabled={!name.trim()}>{environment ? 'Change' : 'Create'}</Button>
        </>
      }
    >
      <Field label="Name" error={named ? sentence(problem) : undefined}>
        {(wiring) => <Input {...wiring} autoFocus maxLength={100} placeholder="Staging" value={name} onChange={(event) => { setName(event.target.value); clear(); }} />}
      </Field>
      {!environment && (
        <Field label="What it is for">
          {(wiring) => (
            <Select {...wiring} value={kind} onChange={(event) => { for (const [k] of kinds) if (k === event.target.value) setKind(k); }}>
              {kinds.map(([value, text]) => <option key={value} value={value}>{text}</option>)}
            </Select>
          )}
        </Field>
      )}
      <Field label="What a newer deployment does" hint="To an older one of the same service.">
        {(wiring) => (
          <Select {...wiring} value={concurrency} onChange={(event) => { for (const [p] of policies) if (p === event.target.value) setConcurrency(p); }}>
            {policies.map(([value, text]) => <option key={value} value={value}>{text}</option>)}
          </Select>
        )}
      </Field>
      <fieldset>
        <legend className="mb-1.5 font-medium">Color</legend>
        <div className="flex flex-wrap gap-1.5">
          {Object.keys(colors).map((c) => (
            <label key={c} title={c} className={cx('grid size-8 cursor-pointer place-items-center rounded-md border has-focus-visible:outline-2 has-focus-visible:outline-accent', c === color ? 'border-accent bg-accent/8' : 'border-line hover:bg-hover')}>
              <input type="radio" name="color" aria-label={c} className="sr-only" checked={c === color} onChange={() => { setColor(c); }} />
              <span aria-hidden className={cx('size-3.5 rounded-full bg-current', colorClass(c))} />
            </label>
          ))}
        </div>
      </fieldset>
      {!named && <ProblemLine error={problem} />}
      {problem && code(problem) === 'VERSION_CONFLICT' && <p className="text-[13px] text-muted">Close this and open it again to see what is there now.</p>}
    </Dialog>
  );
}
