import type { CombinedError } from '@urql/core';
import { CircleAlert } from 'lucide-react';
import { requestId, sentence } from '../api/fault';

// ProblemLine is what went wrong with a form, above its buttons.
export function ProblemLine({ error }: { error: CombinedError | undefined }) {
  if (!error) return null;
  const id = requestId(error);
  return (
    <div role="alert" className="flex items-start gap-2.5 rounded-md border border-bad/25 bg-bad/8 px-3 py-2 text-bad">
      <CircleAlert aria-hidden className="mt-0.5 size-4 shrink-0" />
      <div className="min-w-0 wrap-break-word">
        {sentence(error)}
        {id && <span className="block font-mono text-xs opacity-75">request {id}</span>}
      </div>
    </div>
  );
}
