import { KeyRound } from 'lucide-react';
import { useQuery } from 'urql';
import { refusal } from '../api/can';
import { workspaceSlug } from '../api/session';
import { hostOf } from '../registry/host';
import { credentialsQuery } from '../registry/operations';
import { Button } from '../ui/button';
import { Field, Input } from '../ui/field';

type Props = { image: string; onImage: (image: string) => void; onPrivate: () => void };

// FromImage asks for an image, and says what will open it.
export function FromImage({ image, onImage, onPrivate }: Props) {
  const [{ data }] = useQuery({ query: credentialsQuery, variables: { workspace: workspaceSlug } });
  const workspace = data?.workspace;
  const host = hostOf(image);
  const credential = workspace?.registryCredentials.find((c) => c.host === host);
  return (
    <div className="flex flex-col gap-3">
      <Field label="Image" hint="Of any registry, by tag or digest.">
        {(wiring) => <Input {...wiring} mono autoFocus placeholder="nginx:1.27" value={image} onChange={(event) => { onImage(event.target.value); }} />}
      </Field>
      {image.trim() && workspace && (
        <div role="status" className="flex flex-wrap items-center gap-2 text-[13px] text-muted">
          <KeyRound aria-hidden className="size-4" />
          {credential ? (
            <span>It is pulled from <code className="font-mono">{host}</code> as <code className="font-mono">{credential.username}</code>.</span>
          ) : (
            <>
              <span>It is pulled from <code className="font-mono">{host}</code> without a credential: it must be public.</span>
              <Button size="small" refused={refusal(workspace.can, 'WRITE')} onClick={onPrivate}>It is private…</Button>
            </>
          )}
        </div>
      )}
    </div>
  );
}
