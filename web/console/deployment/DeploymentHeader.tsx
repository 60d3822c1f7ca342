import { ExternalLink, FileStack, GitCommitHorizontal, Package } from 'lucide-react';
import type { ReactNode } from 'react';
import { Badge } from '../ui/badge';
import { Copy } from '../ui/copy';
import { count } from '../ui/count';
import { Elapsed, Time } from '../ui/time';
import type { Deployment } from './document';
import { isOurs, shortDigest, stateOf, triggers } from './words';

interface Props {
  deployment: Deployment;
  actions: ReactNode;
  onService: () => void;
}

// DeploymentHeader says which deployment it is, how it stands, and what is deployed.
export function DeploymentHeader({ deployment, actions, onService }: Props) {
  const { commit, image, bundle, url, trigger, createdBy, message, rolledBackFrom } = deployment;
  const state = stateOf(deployment);
  const who = trigger.actor?.displayName ?? createdBy?.displayName;
  return (
    <header className="flex flex-wrap items-start gap-x-6 gap-y-4">
      <div className="min-w-0 flex-1 basis-80">
        <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
          <h1 className="text-xl font-semibold">
            <button type="button" className="hover:underline" onClick={onService}>{deployment.service.name}</button> #{deployment.number}
          </h1>
          <Badge dot tone={state.tone}>{state.text}</Badge>
          {deployment.startedAt && (
            <span className="text-[13px] text-muted">
              <Elapsed from={deployment.startedAt} to={deployment.completedAt} />
            </span>
          )}
        </div>
        <p className="mt-1 text-[13px] text-muted">
          {triggers[trigger.kind]}
          {rolledBackFrom && ` to #${rolledBackFrom.number}`}
          {who && ` by ${who}`} <Time at={deployment.createdAt} /> to {deployment.environment.name}
        </p>
        {message && <p className="mt-2 wrap-break-word">{message}</p>}
        <ul className="mt-2 flex flex-wrap gap-x-5 gap-y-1 text-[13px]">
          {commit && (
            <Fact icon={<GitCommitHorizontal aria-hidden />}>
              <code className="font-mono text-xs" title={commit.sha}>{commit.sha.slice(0, 8)}</code>
              <span className="max-w-96 truncate" title={commit.message}>{commit.message.split('\n')[0]}</span>
              <span className="text-muted">{commit.author}{commit.branch && ` on ${commit.branch}`}</span>
            </Fact>
          )}
          {image && (
            <Fact icon={<Package aria-hidden />}>
              {!isOurs(image.reference) && <code className="max-w-80 truncate font-mono text-xs" title={image.reference}>{image.reference}</code>}
              <code className="font-mono text-xs" title={image.digest}>{shortDigest(image.digest)}</code>
              <span className="text-muted">{size(image.sizeBytes)}</span>
              <Copy text={image.digest} label="Copy the digest" className="size-5" />
            </Fact>
          )}
          {bundle && (
            <Fact icon={<FileStack aria-hidden />}>
              {count(bundle.files, 'file')} <span className="text-muted">{size(bundle.sizeBytes)}</span>
            </Fact>
          )}
          {url && (
            <Fact icon={<ExternalLink aria-hidden />}>
              <a href={url} target="_blank" rel="noreferrer" className="truncate text-accent-text hover:underline">{url.replace(/^https?:\/\//, '')}</a>
            </Fact>
          )}
        </ul>
      </div>
      {actions}
    </header>
  );
}

const Fact = ({ icon, children }: { icon: ReactNode; children: ReactNode }) => (
  <li className="flex min-w-0 items-center gap-1.5 [&_svg]:size-3.5 [&_svg]:shrink-0 [&>svg]:text-faint">
    {icon}
    {children}
  </li>
);

// size is a number of bytes as one says it.
export function size(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  const amount = bytes / 1000 ** power;
  return `${amount >= 100 || power === 0 ? Math.round(amount) : amount.toFixed(1)} ${units[power] ?? ''}`;
}
