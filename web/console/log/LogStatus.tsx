import { ArrowDown } from 'lucide-react';
import { StatusDot } from '../ui/badge';
import { Button } from '../ui/button';
import { count } from '../ui/count';
import type { EndReason } from './line';
import type { LogStore } from './store';

const ends: Record<EndReason, string> = {
  BUILD_ENDED: 'The build ended.',
  DEPLOYMENT_ENDED: 'Nothing of the deployment runs any more.',
  COMMAND_ENDED: 'The command ended.',
  SOURCE_REMOVED: 'What printed this was deleted, or you may no longer see it.',
  PERMISSION_REVOKED: 'You may no longer read this log.',
  SERVER_SHUTDOWN: 'Davit restarts.',
};

// LogFoot stands behind the last line and says whether more will come.
export function LogFoot({ store }: { store: LogStore }) {
  if (!store.opened) return null;
  if (store.end) return <Foot tone="idle">End of the log. {ends[store.end]}</Foot>;
  if (store.live === 'lost') return <Foot tone="warn">The connection is lost. What is printed meanwhile comes when it is back.</Foot>;
  if (store.live === 'live') {
    return <Foot tone="busy">{store.rows.rowCount === 0 ? 'Nothing was printed that the filter shows. ' : ''}Waiting for lines…</Foot>;
  }
  if (store.newer === 'loading' || store.newer === 'more') return <Foot tone="idle">Loading newer lines…</Foot>;
  return null;
}

const Foot = ({ tone, children }: { tone: 'idle' | 'busy' | 'warn'; children: React.ReactNode }) => (
  <div className="flex h-full items-center gap-2 px-3 font-mono text-xs text-muted">
    <StatusDot tone={tone} moving={tone === 'busy'} />
    <span>{children}</span>
  </div>
);

interface StatusProps {
  store: LogStore;
  follow: boolean;
  unseen: number; // lines that came since one looks elsewhere
  onEnd: () => void;
  onRetry: () => void;
}

// LogNotices float above the rows, so that nothing moves when they come and go.
export const LogNotices = ({ store, follow, unseen, onEnd, onRetry }: StatusProps) => (
  <>
    {store.older === 'loading' && store.opened && (
      <p role="status" className="absolute top-2 left-1/2 -translate-x-1/2 rounded-full border border-line bg-raised px-3 py-1 text-xs text-muted shadow-pop">
        Loading older lines…
      </p>
    )}
    {store.error !== null && (
      <div role="alert" className="absolute inset-x-3 bottom-3 flex items-center gap-3 rounded-lg border border-bad/40 bg-raised px-3 py-2 shadow-pop">
        <span className="min-w-0 flex-1 text-bad">{store.error}</span>
        <Button size="small" onClick={onRetry}>Try again</Button>
      </div>
    )}
    {store.opened && !follow && store.error === null && (
      <div className="pointer-events-none absolute inset-x-0 bottom-3 flex justify-center">
        <Button size="small" className="pointer-events-auto rounded-full shadow-pop" onClick={onEnd}>
          <ArrowDown aria-hidden />
          {unseen > 0 ? count(unseen, 'new line') : store.newer === 'none' ? 'To the end' : 'To the newest lines'}
        </Button>
      </div>
    )}
  </>
);
