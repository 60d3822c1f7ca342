import { useState } from 'react';
import { useForm } from '../api/act';
import { field, sentence } from '../api/fault';
import { CopyAs } from '../shell/copy-as';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { Field, Input } from '../ui/field';
import { ProblemLine } from '../ui/problem-line';
import { cleanHost } from './host';
import { putCredential, type Credential } from './operations';

type Props = { workspaceId: string; host?: string; credential?: Credential | undefined; taken: readonly string[]; onClose: () => void; onStored: () => void };

// CredentialDialog stores what opens the private images of a registry, anew or
// in the place of what is there.
export function CredentialDialog({ workspaceId, host: proposed, credential, taken, onClose, onStored }: Props) {
  const { run, busy, problem, clear } = useForm(putCredential);
  const [host, setHost] = useState(credential?.host ?? proposed ?? '');
  const [username, setUsername] = useState(credential?.username ?? '');
  const [password, setPassword] = useState('');
  const input = { workspaceId, host: cleanHost(host), username: username.trim(), password };
  const replaces = !credential && taken.includes(input.host);
  const submit = async () => {
    if (!input.host || !input.username || !password || busy) return;
    if (await run({ input })) onStored();
  };
  const about = (name: string) => (problem && field(problem).endsWith(name) ? sentence(problem) : undefined);
  const placed = ['host', 'username', 'password'].some(about);
  return (
    <Dialog
      onClose={onClose}
      title={credential ? `Change the credential for ${credential.host}` : 'Add a registry credential'}
      description="Every service of the workspace may pull images of this registry with it. The password is sealed and never shown."
      onSubmit={() => void submit()}
      actions={
        <>
          <div className="mr-auto self-center"><CopyAs document={putCredential} variables={{ input }} /></div>
          <Button onClick={onClose}>Cancel</Button>
          <Button tone="primary" type="submit" busy={busy} disabled={!input.host || !input.username || !password}>{credential || replaces ? 'Replace' : 'Add'}</Button>
        </>
      }
    >
      <Field label="Registry" hint={replaces ? 'There is one for this host already: yours takes its place.' : 'Its host, with its port if it has one. docker.io is Docker Hub.'} error={about('host')}>
        {(wiring) => (
          <Input {...wiring} mono autoFocus={!credential} readOnly={Boolean(credential)} placeholder="ghcr.io" value={host} onChange={(event) => { setHost(event.target.value); clear(); }} />
        )}
      </Field>
      <Field label="User name" error={about('username')}>
        {(wiring) => <Input {...wiring} mono autoFocus={Boolean(credential)} value={username} onChange={(event) => { setUsername(event.target.value); clear(); }} />}
      </Field>
      <Field label="Password or token" hint="One that may only read is enough." error={about('password')}>
        {(wiring) => <Input {...wiring} mono type="password" autoComplete="new-password" value={password} onChange={(event) => { setPassword(event.target.value); clear(); }} />}
      </Field>
      {!placed && <ProblemLine error={problem} />}
    </Dialog>
  );
}
