import { useState } from 'react';
import { useForm } from '../api/act';
import { useService } from '../service/context';
import { Button } from '../ui/button';
import { count } from '../ui/count';
import { Dialog } from '../ui/dialog';
import { Checkbox, Field, Textarea } from '../ui/field';
import { ProblemLine } from '../ui/problem-line';
import { parseEnv } from './env-file';
import { setVariables } from './operations';

type Props = { present: readonly string[]; onClose: () => void; onSet: () => void };

// PasteDialog sets the variables of a .env file, and says before what that does.
export function PasteDialog({ present, onClose, onSet }: Props) {
  const { service, instance } = useService();
  const { run, busy, problem } = useForm(setVariables);
  const [text, setText] = useState('');
  const [secret, setSecret] = useState(false);
  const { pairs, problem: wrong } = parseEnv(text);
  const added = pairs.filter((p) => !present.includes(p.name));
  const replaced = pairs.filter((p) => present.includes(p.name));
  const submit = async () => {
    const variables = pairs.map((p) => ({ ...p, secret, usedAt: ['BUILD' as const, 'RUNTIME' as const] }));
    if (await run({ input: { target: { serviceInstanceId: instance.id }, variables, replaceAll: false } })) onSet();
  };
  return (
    <Dialog
      wide
      onClose={onClose}
      title="Paste a .env file"
      description={`For ${service.name} in ${instance.environment.name}. It counts from the next deployment on.`}
      onSubmit={() => void submit()}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button tone="primary" type="submit" busy={busy} disabled={pairs.length === 0}>
            Set {pairs.length > 0 ? count(pairs.length, 'variable') : 'variables'}
          </Button>
        </>
      }
    >
      <Field label="Variables" error={wrong}>
        {(wiring) => (
          <Textarea {...wiring} autoFocus rows={9} placeholder={'# NAME=VALUE, one a line\nREGION=eu\nDATABASE_URL="postgres://…"'} value={text} onChange={(event) => { setText(event.target.value); }} />
        )}
      </Field>
      {pairs.length > 0 && (
        <p className="text-[13px] text-muted">
          {added.length > 0 && <>Adds <span className="font-mono text-text">{added.map((p) => p.name).join(', ')}</span>. </>}
          {replaced.length > 0 && <>Replaces <span className="font-mono text-warn">{replaced.map((p) => p.name).join(', ')}</span>.</>}
        </p>
      )}
      <Checkbox label="All of them are secret" hint="Write-only from now on." checked={secret} onChange={(event) => { setSecret(event.target.checked); }} />
      <ProblemLine error={problem} />
    </Dialog>
  );
}
