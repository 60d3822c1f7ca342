import { useState } from 'react';
import { useForm } from '../api/act';
import { useService } from '../service/context';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { Checkbox, Field, Input, Select, Textarea } from '../ui/field';
import { ProblemLine } from '../ui/problem-line';
import { setVariables, type Variable } from './operations';
import { scopeNames, targetOf, type Scope } from './target';

const nameRule = /^[A-Za-z_][A-Za-z0-9_]*$/;

type Props = { variable?: Variable | undefined; onClose: () => void; onSet: () => void };

// SetDialog sets one variable, a new one or one that is there.
export function SetDialog({ variable, onClose, onSet }: Props) {
  const { service, instance } = useService();
  const { run, busy, problem } = useForm(setVariables);
  const [scope, setScope] = useState<Scope>(variable?.scope ?? 'SERVICE');
  const [name, setName] = useState(variable?.name ?? '');
  const [value, setValue] = useState(variable?.value ?? '');
  const [secret, setSecret] = useState(variable?.secret ?? false);
  const [build, setBuild] = useState(variable?.usedAt.includes('BUILD') ?? true);
  const [runtime, setRuntime] = useState(variable?.usedAt.includes('RUNTIME') ?? true);
  const named = nameRule.test(name);
  const submit = async () => {
    const usedAt = [...(build ? (['BUILD'] as const) : []), ...(runtime ? (['RUNTIME'] as const) : [])];
    const target = targetOf(scope, { instance, projectId: service.project.id });
    if (await run({ input: { target, variables: [{ name, value, secret, usedAt }] } })) onSet();
  };
  return (
    <Dialog
      onClose={onClose}
      title={variable ? `Change ${variable.name}` : 'Add a variable'}
      description="It counts from the next deployment on."
      onSubmit={() => void submit()}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button tone="primary" type="submit" busy={busy} disabled={!named || (!build && !runtime)}>
            {variable ? 'Change' : 'Add'}
          </Button>
        </>
      }
    >
      {!variable && (
        <Field label="For">
          {(wiring) => (
            <Select {...wiring} value={scope} onChange={(event) => { setScope(event.target.value as Scope); }}>
              <option value="SERVICE">{service.name} in {instance.environment.name}</option>
              <option value="ENVIRONMENT">Every service in {instance.environment.name}</option>
              <option value="PROJECT">Every service of {service.project.name}</option>
            </Select>
          )}
        </Field>
      )}
      <Field label="Name" error={name && !named ? 'Letters, digits and underscores, not beginning with a digit.' : undefined}>
        {(wiring) => (
          <Input {...wiring} mono autoFocus={!variable} readOnly={Boolean(variable)} placeholder="DATABASE_URL" value={name} onChange={(event) => { setName(event.target.value.trim()); }} />
        )}
      </Field>
      <Field label="Value" hint={variable?.secret ? 'The present value cannot be shown. What you write replaces it.' : undefined}>
        {(wiring) => <Textarea {...wiring} autoFocus={Boolean(variable)} rows={3} className="min-h-16" value={value} onChange={(event) => { setValue(event.target.value); }} />}
      </Field>
      <Checkbox label="Secret" hint="Write-only from now on: nobody can read it here any more, and logs hide it." checked={secret} onChange={(event) => { setSecret(event.target.checked); }} />
      <div className="flex gap-6">
        <Checkbox label="For builds" checked={build} onChange={(event) => { setBuild(event.target.checked); }} />
        <Checkbox label="For replicas" checked={runtime} onChange={(event) => { setRuntime(event.target.checked); }} />
      </div>
      {variable && scope !== 'SERVICE' && <p className="text-[13px] text-warn">It belongs to {scopeNames[scope]}: every service there gets the change.</p>}
      <ProblemLine error={problem} />
    </Dialog>
  );
}
