import { KeyRound } from 'lucide-react';
import { useState } from 'react';
import { useForm } from '../api/act';
import { DeployKey } from '../create/deploy-key';
import { isSsh } from '../create/forge';
import { Private } from '../create/private';
import { CopyAs } from '../shell/copy-as';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { ProblemLine } from '../ui/problem-line';
import { Time } from '../ui/time';
import { toast } from '../ui/toast';
import { updateService, type SettingsData } from './operations';

type Source = Extract<SettingsData['service']['source'], { __typename: 'GitSource' }>;
type Props = { serviceId: string; source: Source; refused: string | null; onChanged: () => void };

// Access is what opens the repository of a service.
export function Access({ serviceId, source, refused, onChanged }: Props) {
  const [asking, setAsking] = useState(false);
  const c = source.credential;
  return (
    <div className="mt-4 flex flex-col gap-3 border-t border-line pt-4">
      <div className="flex flex-wrap items-center gap-3">
        <KeyRound aria-hidden className="size-4 text-muted" />
        <p className="min-w-0 flex-1">
          {!c ? 'The repository is opened without a credential.' : c.kind === 'DEPLOY_KEY' ? 'A deploy key opens the repository.' : <>A token opens the repository, as <code className="font-mono text-[13px]">{c.username}</code>.</>}
          {c && <span className="block text-[13px] text-faint">{c.lastUsedAt ? <>It was last used <Time at={c.lastUsedAt} />.</> : 'It was not used yet.'}</span>}
        </p>
        <Button size="small" refused={refused} onClick={() => { setAsking(true); }}>{c ? 'Replace…' : 'It is private…'}</Button>
      </div>
      {c?.publicKey && <DeployKey publicKey={c.publicKey} repository={source.repository} />}
      {asking && <AccessDialog serviceId={serviceId} source={source} onClose={() => { setAsking(false); }} onChanged={onChanged} />}
    </div>
  );
}

function AccessDialog({ serviceId, source, onClose, onChanged }: Omit<Props, 'refused'> & { onClose: () => void }) {
  const { run, busy, problem, clear } = useForm(updateService);
  const [access, setAccess] = useState({ repository: source.repository, username: '', token: '', deployKey: isSsh(source.repository) });
  const { repository, username, token, deployKey } = access;
  const input = {
    serviceId,
    source: {
      git: {
        repository: repository.trim(), ref: source.ref, rootDirectory: source.rootDirectory, generateDeployKey: deployKey,
        ...(!deployKey && { token: token.trim(), ...(username.trim() && { username: username.trim() }) }),
      },
    },
  };
  const ready = deployKey === isSsh(repository) && (deployKey || token.trim() !== '');
  const submit = async () => {
    if (!ready || busy || !(await run({ input }))) return;
    onClose();
    onChanged();
    toast({ tone: 'good', title: deployKey ? 'A key is made' : 'The token is stored', description: deployKey ? 'Add it to the repository, then deploy.' : 'It counts from the next deployment on.' });
  };
  return (
    <Dialog
      wide
      onClose={onClose}
      title="What opens the repository"
      description={source.credential ? 'What opens it now is forgotten.' : 'It counts from the next deployment on, in every environment.'}
      onSubmit={() => void submit()}
      actions={
        <>
          <div className="mr-auto self-center"><CopyAs document={updateService} variables={{ input }} /></div>
          <Button onClick={onClose}>Cancel</Button>
          <Button tone="primary" type="submit" busy={busy} disabled={!ready}>{deployKey ? 'Make a key' : 'Store the token'}</Button>
        </>
      }
    >
      <Private access={access} change={(part) => { setAccess({ ...access, ...part }); clear(); }} />
      {repository !== source.repository && <p className="text-[13px] text-muted">Its address becomes <code className="font-mono wrap-anywhere">{repository}</code>.</p>}
      <ProblemLine error={problem} />
    </Dialog>
  );
}
