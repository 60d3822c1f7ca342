import { Box, FolderUp, GitBranch, GitCommitHorizontal } from 'lucide-react';
import type { InstanceState } from '../api/instance';

type Props = { deployment: InstanceState['activeDeployment']; source: InstanceState['service']['source'] };

const shortDigest = (digest: string) => digest.replace(/^sha256:/, '').slice(0, 12);

// WhatRuns names what serves, as shortly as its source does: a commit, an
// image, or files.
export function WhatRuns({ deployment, source }: Props) {
  const line = 'flex min-w-0 items-center gap-1.5 [&_svg]:size-3.5 [&_svg]:shrink-0';
  if (deployment?.commit) {
    const { sha, message, branch } = deployment.commit;
    return (
      <span className={line} title={message}>
        <GitCommitHorizontal aria-hidden />
        <code className="font-mono text-xs">{sha.slice(0, 7)}</code>
        <span className="truncate">{branch ? `${branch}: ` : ''}{message.split('\n')[0]}</span>
      </span>
    );
  }
  if (source?.__typename === 'ImageSource') {
    return (
      <span className={line} title={deployment?.image?.digest ?? source.image}>
        <Box aria-hidden />
        <code className="truncate font-mono text-xs">{deployment?.image?.reference ?? source.image}</code>
      </span>
    );
  }
  // What serves without a commit was sent, also where a repository is the source.
  if (source?.__typename === 'GitSource' && !deployment) {
    return (
      <span className={line}>
        <GitBranch aria-hidden />
        <span className="truncate">{source.repository.replace(/^https?:\/\//, '')}</span>
      </span>
    );
  }
  const digest = deployment?.image?.digest ?? deployment?.bundle?.digest;
  return (
    <span className={line}>
      <FolderUp aria-hidden />
      <span className="truncate">{digest ? <>Upload <code className="font-mono text-xs">{shortDigest(digest)}</code></> : 'Waits for its first upload'}</span>
    </span>
  );
}
