import { ArrowLeft, Ban, Repeat } from 'lucide-react';
import { useQuery, useSubscription } from 'urql';
import { useAct } from '../api/act';
import { refusal } from '../api/can';
import { LogViewer, type LogView } from '../log';
import { useService } from '../service/context';
import { Badge } from '../ui/badge';
import { Button } from '../ui/button';
import { Card } from '../ui/card';
import { Empty } from '../ui/empty';
import { Problem } from '../ui/problem';
import { Waiting } from '../ui/skeleton';
import { Elapsed, Time } from '../ui/time';
import { cancelRun, runQuery, runUpdated } from './operations';
import { isOver, stateOf, whatRan } from './words';

type Props = { id: string; view: LogView; onView: (view: LogView) => void; onBack: () => void; onAgain: (command: readonly string[]) => void };

// RunView is one run: how it is, and what it prints.
export function RunView({ id, view, onView, onBack, onAgain }: Props) {
  const { service } = useService();
  const [{ data, error }, refetch] = useQuery({ query: runQuery, variables: { id }, requestPolicy: 'cache-and-network' });
  const run = data?.operation;
  useSubscription({ query: runUpdated, variables: { id }, pause: !run || isOver(run) });
  const [cancel, busy] = useAct(cancelRun, 'Not canceled');
  const refused = refusal(service.can, 'EXEC');
  const noLog = refusal(service.can, 'READ_LOGS');
  const back = <Button size="small" tone="quiet" onClick={onBack}><ArrowLeft aria-hidden /> All runs</Button>;
  if (!run) {
    return <div className="flex flex-col items-start gap-3">{back}<div className="w-full">{error ? <Problem error={error} onRetry={() => { refetch({ requestPolicy: 'network-only' }); }} /> : data ? <Empty title="There is no such run" /> : <Waiting rows={2} />}</div></div>;
  }
  const [tone, words] = stateOf(run);
  return (
    <div className="flex flex-col gap-4">
      <div>{back}</div>
      <Card
        title={<span className="flex flex-wrap items-center gap-2"><code className="font-mono text-[13px] wrap-anywhere">{whatRan(run)}</code> <Badge tone={tone} dot>{words}</Badge></span>}
        action={
          isOver(run) ? (
            <Button size="small" refused={refused} onClick={() => { onAgain(run.command ?? []); }}><Repeat aria-hidden /> Run again…</Button>
          ) : (
            <Button size="small" busy={busy} refused={refused} onClick={() => void cancel({ input: { operationId: run.id } })}><Ban aria-hidden /> Stop it</Button>
          )
        }
      >
        <p className="text-[13px] text-muted">
          Asked for <Time at={run.createdAt} />
          {run.scheduledAt && <> · due <Time at={run.scheduledAt} /></>}
          {run.startedAt && <> · {isOver(run) ? 'ran' : 'runs'} <Elapsed from={run.startedAt} to={run.finishedAt} /></>}
          {run.exitCode !== null && <> · exit code <span className="font-mono text-text">{run.exitCode}</span></>}
        </p>
        {run.error && run.status === 'FAILED' && (
          <p role="alert" className="mt-2 text-bad">{run.error.message} {run.error.hint}</p>
        )}
        {!isOver(run) && run.message && <p role="status" className="mt-2 text-muted">{run.message}</p>}
      </Card>
      {noLog ? (
        <Empty title="You may not read what it printed">{noLog}</Empty>
      ) : (
        <LogViewer key={id} name={`${service.slug}-${id}`} source={{ operationId: id }} view={view} onView={onView} className="h-[max(20rem,calc(100vh-24rem))]" />
      )}
    </div>
  );
}
