import type { CombinedError } from '@urql/core';
import { Button } from './button';
import { ProblemLine } from './problem-line';

// Outdated says that what is shown could not be read again, and offers to try.
export function Outdated({ error, onRetry }: { error: CombinedError | undefined; onRetry: () => void }) {
  if (!error) return null;
  return (
    <div className="mb-4 flex flex-wrap items-center gap-3">
      <div className="min-w-0 flex-1"><ProblemLine error={error} /></div>
      <Button onClick={onRetry}>Try again</Button>
    </div>
  );
}
