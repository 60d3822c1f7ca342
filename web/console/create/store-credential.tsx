import { useClient, useQuery } from 'urql';
import { workspaceSlug } from '../api/session';
import { CredentialDialog } from '../registry/dialog';
import { hostOf } from '../registry/host';
import { credentialsQuery } from '../registry/operations';
import { toast } from '../ui/toast';

// StoreCredential stores what opens an image. It has a form of its own, so it
// lies in no other.
export function StoreCredential({ image, onClose }: { image: string; onClose: () => void }) {
  const client = useClient();
  const variables = { workspace: workspaceSlug };
  const [{ data }] = useQuery({ query: credentialsQuery, variables });
  const workspace = data?.workspace;
  if (!workspace) return null;
  const host = hostOf(image);
  return (
    <CredentialDialog
      workspaceId={workspace.id}
      host={host}
      taken={workspace.registryCredentials.map((c) => c.host)}
      onClose={onClose}
      onStored={() => {
        onClose();
        void client.query(credentialsQuery, variables, { requestPolicy: 'network-only' }).toPromise(); // for who shows them: this is gone by then
        toast({ tone: 'good', title: `The credential for ${host} is stored` });
      }}
    />
  );
}
