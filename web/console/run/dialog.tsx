import { useState } from 'react';
import { useForm } from '../api/act';
import { CopyAs } from '../shell/copy-as';
import { split, words } from '../shell/copy-text';
import { useService } from '../service/context';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { Checkbox, Field, Input, Select } from '../ui/field';
import { ProblemLine } from '../ui/problem-line';
import { runCommand } from './operations';
import { timeouts } from './words';

type Props = { again?: readonly string[] | null; onClose: () => void; onStarted: (id: string) => void };

// RunDialog runs a command with the image and the variables of what serves.
export function RunDialog({ again, onClose, onStarted }: Props) {
  const { service, instance } = useService();
  const { run, busy, problem, clear } = useForm(runCommand);
  const cron = service.kind === 'CRON';
  const [own, setOwn] = useState(cron && !again?.length); // what the service runs by itself
  const [typed, setTyped] = useState(again ? words(again) : '');
  const [shell, setShell] = useState(false);
  const [timeout, setTimeout] = useState('PT1H');
  const list = shell ? (typed.trim() ? ['sh', '-c', typed.trim()] : []) : split(typed);
  const command = own ? [] : list;
  const input = { serviceInstanceId: instance.id, command: command ?? [], timeout };
  const ready = own || (list?.length ?? 0) > 0;
  const submit = async () => {
    if (!ready || busy) return;
    const data = await run({ input });
    if (data) onStarted(data.runCommand.operation.id);
  };
  return (
    <Dialog
      wide
      onClose={onClose}
      title={cron ? `Run ${service.name} now` : `Run a command for ${service.name}`}
      description={`In a container of its own in ${instance.environment.name}, with the image and the variables of what serves. Nothing can be typed into it.`}
      onSubmit={() => void submit()}
      actions={
        <>
          <div className="mr-auto self-center"><CopyAs document={runCommand} variables={{ input }} cli={ready ? `davit run${own ? '' : ` -- ${words(input.command)}`}` : null} /></div>
          <Button onClick={onClose}>Cancel</Button>
          <Button tone="primary" type="submit" busy={busy} disabled={!ready}>Run</Button>
        </>
      }
    >
      {cron && (
        <Field label="What">
          {(wiring) => (
            <Select {...wiring} value={own ? 'own' : 'command'} onChange={(event) => { setOwn(event.target.value === 'own'); }}>
              <option value="own">What it runs on schedule</option>
              <option value="command">Another command</option>
            </Select>
          )}
        </Field>
      )}
      {!own && (
        <>
          <Field label="Command" error={list === null ? 'A quote is not closed.' : undefined} hint={shell ? 'Run by sh -c, which the image must have.' : 'Split into words. No shell sees them: neither $NAME nor | mean anything.'}>
            {(wiring) => (
              <Input {...wiring} mono autoFocus placeholder={shell ? 'env | sort' : './manage.py migrate'} value={typed} onChange={(event) => { setTyped(event.target.value); clear(); }} />
            )}
          </Field>
          <Checkbox label="In a shell" checked={shell} onChange={(event) => { setShell(event.target.checked); }} />
        </>
      )}
      <Field label="Stop it after">
        {(wiring) => (
          <Select {...wiring} className="max-w-48" value={timeout} onChange={(event) => { setTimeout(event.target.value); }}>
            {timeouts.map(([value, text]) => <option key={value} value={value}>{text}</option>)}
          </Select>
        )}
      </Field>
      <ProblemLine error={problem} />
    </Dialog>
  );
}
