import type { CombinedError } from '@urql/core';
import { PackageX, RotateCw } from 'lucide-react';
import { requestId, sentence } from '../api/fault';
import { Button } from '../ui/button';

const ways = [
  ['a Dockerfile', 'at the root directory: it is built as it says, whatever the language.'],
  ['what its language is known by', 'such as package.json, requirements.txt, go.mod, Gemfile or composer.json.'],
  ['an index.html', 'for files that are served as they are.'],
  ['another root directory', 'if the application lies deeper: it is set above.'],
] as const;

// NotBuildable says why a source cannot be built as it is, and what to add.
export const NotBuildable = ({ error, busy, onRetry }: { error: CombinedError; busy: boolean; onRetry: () => void }) => (
  <div role="alert" className="rounded-lg border border-warn/30 bg-warn/8 p-4">
    <p className="flex items-start gap-2 font-medium">
      <PackageX aria-hidden className="mt-0.5 size-4 shrink-0 text-warn" /> <span className="min-w-0 wrap-break-word">{sentence(error)}</span>
    </p>
    <p className="mt-2 text-[13px] text-muted">What makes it buildable, whichever fits:</p>
    <ul className="mt-1 list-disc pl-5 text-[13px] text-muted">
      {ways.map(([what, more]) => <li key={what}><span className="text-text">{what}</span>, {more}</li>)}
    </ul>
    <div className="mt-3 flex items-center gap-3">
      <Button size="small" busy={busy} onClick={onRetry}><RotateCw aria-hidden /> Look again</Button>
      {requestId(error) && <span className="font-mono text-xs text-faint">request {requestId(error)}</span>}
    </div>
  </div>
);
