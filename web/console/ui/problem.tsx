import { CombinedError } from '@urql/core';
import { RotateCw, TriangleAlert } from 'lucide-react';
import { code, requestId, sentence } from '../api/fault';
import { Button } from './button';
import { Copy } from './copy';
import { Empty } from './empty';

const gone = 'It may have been deleted or renamed, or you may not be allowed to see it.';

// Problem says what went wrong, by which id the operator finds it in the log of
// the server, and offers to try again.
export function Problem({ error, onRetry }: { error: CombinedError | Error; onRetry?: () => void }) {
  const known = error instanceof CombinedError;
  const id = known ? requestId(error) : '';
  const name = known ? code(error) : '';
  return (
    <div role="alert">
      <Empty
        icon={<TriangleAlert />}
        title={name === 'NOT_FOUND' ? 'There is nothing here' : 'This did not work'}
        action={
          onRetry && (
            <Button onClick={onRetry}>
              <RotateCw aria-hidden /> Try again
            </Button>
          )
        }
      >
        <p>{name === 'NOT_FOUND' ? gone : known ? sentence(error) : error.message}</p>
        {(name || id) && (
          <p className="mt-3 flex items-center justify-center gap-2 font-mono text-xs text-faint">
            {[name, id && `request ${id}`].filter(Boolean).join(' · ')}
            {id && <Copy text={id} label="Copy the request id" />}
          </p>
        )}
      </Empty>
    </div>
  );
}
