import { Container, Pencil, Plus, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { useQuery } from 'urql';
import { useForm } from '../api/act';
import { refusal } from '../api/can';
import { useKept } from '../api/kept';
import { useEvents } from '../api/live';
import { workspaceSlug } from '../api/session';
import { Button } from '../ui/button';
import { Card } from '../ui/card';
import { Confirm } from '../ui/confirm';
import { Empty } from '../ui/empty';
import { Outdated } from '../ui/outdated';
import { Page } from '../ui/page';
import { Problem } from '../ui/problem';
import { Waiting } from '../ui/skeleton';
import { Time } from '../ui/time';
import { toast } from '../ui/toast';
import { CredentialDialog } from './dialog';
import { credentialsQuery, removeCredential, type Credential } from './operations';

type Asking = { what: 'put'; credential?: Credential } | { what: 'remove'; credential: Credential };

// Registries are what opens the private images of registries.
export function Registries() {
  const [asking, setAsking] = useState<Asking>();
  const removing = useForm(removeCredential);
  const [{ data, error, fetching, stale }, refetch] = useQuery({ query: credentialsQuery, variables: { workspace: workspaceSlug }, requestPolicy: 'cache-and-network' });
  const again = () => { refetch({ requestPolicy: 'network-only' }); };
  const workspace = useKept(workspaceSlug, data?.workspace, fetching || stale || error !== undefined);
  useEvents(workspace?.id, again, fetching || stale);
  if (!workspace) return <Page title="Registries">{error ? <Problem error={error} onRetry={again} /> : <Waiting height="h-12" />}</Page>;
  const all = workspace.registryCredentials;
  const close = () => { setAsking(undefined); };
  const done = (title: string) => {
    close();
    again();
    toast({ tone: 'good', title });
  };
  const onRemove = async (c: Credential) => {
    if (await removing.run({ input: { credentialId: c.id } })) done(`The credential for ${c.host} is removed`);
  };
  const add = <Button tone="primary" refused={refusal(workspace.can, 'WRITE')} onClick={() => { setAsking({ what: 'put' }); }}><Plus aria-hidden /> Add credential</Button>;
  return (
    <Page title="Registries" hint="What opens private images, for every project" actions={all.length > 0 && add}>
      <Outdated error={error} onRetry={again} />
      {all.length === 0 ? (
        <Empty icon={<Container />} title="No registry credentials" action={add}>Public images need none. For a private one, store a user name and a token that may read it.</Empty>
      ) : (
        <Card flush>
          <ul className="divide-y divide-line">
            {all.map((c) => (
              <li key={c.id} className="flex items-center gap-3 px-4 py-3">
                <div className="min-w-0 flex-1">
                  <p className="truncate font-mono text-[13px] font-medium">{c.host}</p>
                  <p className="text-xs text-faint">
                    as <span className="font-mono">{c.username}</span> · stored <Time at={c.createdAt} /> · {c.lastUsedAt ? <>last opened an image <Time at={c.lastUsedAt} /></> : 'not used yet'}
                  </p>
                </div>
                <div className="flex shrink-0">
                  <Button tone="quiet" size="icon" refused={refusal(workspace.can, 'WRITE')} aria-label={`Change the credential for ${c.host}`} onClick={() => { setAsking({ what: 'put', credential: c }); }}><Pencil aria-hidden /></Button>
                  <Button tone="quiet" size="icon" refused={refusal(workspace.can, 'WRITE')} aria-label={`Remove the credential for ${c.host}`} onClick={() => { setAsking({ what: 'remove', credential: c }); }}><Trash2 aria-hidden /></Button>
                </div>
              </li>
            ))}
          </ul>
        </Card>
      )}
      {asking?.what === 'put' && (
        <CredentialDialog
          workspaceId={workspace.id}
          credential={asking.credential}
          taken={all.map((c) => c.host)}
          onClose={close}
          onStored={() => { done('The credential is stored'); }}
        />
      )}
      {asking?.what === 'remove' && (
        <Confirm
          danger
          title={`Remove the credential for ${asking.credential.host}?`}
          description="What runs goes on. The next deployment that pulls a private image from there fails."
          action="Remove"
          busy={removing.busy}
          problem={removing.problem}
          onConfirm={() => void onRemove(asking.credential)}
          onClose={close}
        />
      )}
    </Page>
  );
}
