import { useConnection } from '../api/socket';
import { StatusDot } from '../ui/badge';
import { Hint } from '../ui/hint';

// ConnectionState says whether what one sees is as it is now.
export function ConnectionState() {
  const connection = useConnection();
  if (connection.state === 'reconnecting') {
    return (
      <span role="status" className="flex items-center gap-2 rounded-full border border-warn/30 bg-warn/10 px-2.5 py-1 text-xs font-medium text-warn">
        <StatusDot tone="warn" moving />
        Reconnecting<span className="sr-only">: what you see may be old</span>…
      </span>
    );
  }
  const live = connection.state === 'live';
  return (
    <Hint text={live ? 'Connected: every change shows at once' : 'Nothing on this page is being watched'}>
      <button type="button" aria-label={live ? 'Live connection' : 'No live connection'} className="grid size-8 cursor-default place-items-center rounded-md">
        <StatusDot tone={live ? 'good' : 'idle'} />
      </button>
    </Hint>
  );
}
