import type { ReactNode } from 'react';
import { useQuery } from 'urql';
import { Badge } from '../ui/badge';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { Problem } from '../ui/problem';
import { Waiting } from '../ui/skeleton';
import { diffSettings, diffVariables } from './diff';
import { type Snapshots, snapshotsQuery } from './document';
import { isOurs, shortDigest } from './words';

interface Props {
  id: string;
  number: number;
  busy: boolean;
  onClose: () => void;
  onConfirm: () => void;
}

// RollbackDialog shows what going back to a deployment changes, and asks for it.
export function RollbackDialog({ id, number, busy, onClose, onConfirm }: Props) {
  const [{ data, error }, again] = useQuery({ query: snapshotsQuery, variables: { id }, requestPolicy: 'cache-and-network' });
  const target = data?.deployment;
  return (
    <Dialog
      open
      wide
      onClose={onClose}
      title={`Roll back to #${number}`}
      description="Its image, settings and variables serve again. Nothing is built, and no request is dropped."
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button tone="primary" busy={busy} disabled={!target} onClick={onConfirm}>Roll back</Button>
        </>
      }
    >
      {error && <Problem error={error} onRetry={() => { again({ requestPolicy: 'network-only' }); }} />}
      {!error && !target && <Waiting rows={2} />}
      {target && <Changes target={target} />}
    </Dialog>
  );
}

function Changes({ target }: { target: Snapshots }) {
  const active = target.instance.activeDeployment;
  if (!active) return <p>Nothing serves now.</p>;
  const settings = diffSettings(active.snapshot.settings, target.snapshot.settings);
  const variables = diffVariables(active.snapshot.variables, target.snapshot.variables);
  return (
    <div className="flex flex-col gap-5">
      <Part title="Code">
        {codeOf(active) === codeOf(target) && <p className="mb-1.5 text-muted">It is the same.</p>}
        <Two before={codeOf(active)} after={codeOf(target)} names={[`#${active.number}`, `#${target.number}`]} />
      </Part>
      <Part title="Settings">
        {settings.length === 0 && <p className="text-muted">They are the same.</p>}
        {settings.map((d) => (
          <div key={d.name} className="mb-2">
            <code className="font-mono text-xs text-muted">{d.name}</code>
            <Two before={d.before} after={d.after} />
          </div>
        ))}
      </Part>
      <Part title="Variables">
        {variables.length === 0 && <p className="text-muted">They are the same.</p>}
        <ul className="flex flex-col gap-1">
          {variables.map((v) => (
            <li key={v.name} className="flex items-center gap-2">
              <code className="font-mono text-xs">{v.name}</code>
              <Badge tone={v.change === 'removed' ? 'bad' : v.change === 'added' ? 'good' : 'warn'}>
                {v.change === 'changed' ? 'another value' : v.change}
              </Badge>
              {v.secret && <span className="text-xs text-muted">secret</span>}
            </li>
          ))}
        </ul>
      </Part>
    </div>
  );
}

const Part = ({ title, children }: { title: string; children: ReactNode }) => (
  <section>
    <h3 className="mb-1.5 font-semibold">{title}</h3>
    {children}
  </section>
);

function codeOf({ commit, image }: Pick<Snapshots, 'commit' | 'image'>): string {
  if (commit) return `${commit.sha.slice(0, 8)} ${commit.message.split('\n')[0] ?? ''}`;
  if (!image) return 'files';
  return `${isOurs(image.reference) ? 'image' : image.reference} ${shortDigest(image.digest)}`;
}

interface TwoProps {
  before: string | null;
  after: string | null;
  names?: [string, string];
}

const Two = ({ before, after, names }: TwoProps) => (
  <div className="overflow-hidden rounded-md border border-line font-mono text-xs">
    <p className="flex gap-2 bg-bad/8 px-2 py-1"><Sign name="now">−</Sign><span className="min-w-0 break-all">{names && <b className="mr-2">{names[0]}</b>}{before ?? 'not set'}</span></p>
    <p className="flex gap-2 bg-good/10 px-2 py-1"><Sign name="then">+</Sign><span className="min-w-0 break-all">{names && <b className="mr-2">{names[1]}</b>}{after ?? 'not set'}</span></p>
  </div>
);

const Sign = ({ name, children }: { name: string; children: string }) => (
  <span className="text-muted"><span aria-hidden>{children}</span><span className="sr-only">{name}</span></span>
);
