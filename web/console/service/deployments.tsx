import { Rocket, Undo2 } from 'lucide-react';
import { useState } from 'react';
import { useQuery } from 'urql';
import { refusal } from '../api/can';
import { useKept } from '../api/kept';
import { useEvents } from '../api/live';
import { Button } from '../ui/button';
import { Card } from '../ui/card';
import { Empty } from '../ui/empty';
import { Outdated } from '../ui/outdated';
import { Problem } from '../ui/problem';
import { Waiting } from '../ui/skeleton';
import { useService } from './context';
import { shown, usePages } from './deployment-pages';
import { DeploymentRow, type DeploymentRowData } from './deployment-row';
import { deploymentsQuery } from './deployments-query';
import { OlderDeployments } from './older-deployments';
import { Rollback } from './rollback';

// Deployments are all there were, newest first; older ones come as one scrolls.
export function Deployments() {
  const { service, instance } = useService();
  return <List key={instance.id} instance={instance} refused={refusal(service.can, 'ROLLBACK')} />;
}

type ListProps = { instance: ReturnType<typeof useService>['instance']; refused: string | null };

function List({ instance, refused }: ListProps) {
  const { open, read, more } = usePages();
  const [turn, setTurn] = useState(0);
  const [back, setBack] = useState<DeploymentRowData>();
  const [{ data, error, stale, fetching }, refetch] = useQuery({
    query: deploymentsQuery,
    variables: { id: instance.id, first: open.first, after: null },
    requestPolicy: 'cache-and-network',
  });
  const again = () => {
    refetch({ requestPolicy: 'network-only' });
    setTurn((n) => n + 1);
  };
  useEvents(instance.id, again, fetching || stale);
  const page = useKept(instance.id, data?.serviceInstance?.deployments, error !== undefined);
  if (!page) return error ? <Problem error={error} onRetry={again} /> : <Waiting height="h-14" />;
  if (page.totalCount === 0) return <Empty icon={<Rocket />} title="Never deployed here">What you deploy stays in this list, with how it went and what it printed.</Empty>;
  if (!stale && !fetching) read(page);
  const row = (d: DeploymentRowData) => (
    <DeploymentRow
      key={d.id}
      deployment={d}
      action={
        d.conclusion === 'SUCCEEDED' && !d.isActive ? (
          <Button size="icon" tone="quiet" refused={refused} aria-label={`Roll back to #${d.number}`} title={`Roll back to #${d.number}`} onClick={() => { setBack(d); }}>
            <Undo2 aria-hidden />
          </Button>
        ) : (
          <span className="block size-8" />
        )
      }
    />
  );
  const next = page.pageInfo.hasNextPage ? page.pageInfo.endCursor : null;
  return (
    <>
      <Outdated error={error} onRetry={again} />
      <Card title="Deployments" hint={`${page.totalCount.toLocaleString()} in ${instance.environment.name}`} flush>
        <ul className="divide-y divide-line">
          {shown(open, page.nodes).map(row)}
          {open.after.map((after, i) => (
            <OlderDeployments key={after} instance={instance.id} after={after} turn={turn} row={row} onMore={i === open.after.length - 1 ? (cursor) => { more(cursor, page); } : undefined} />
          ))}
        </ul>
      </Card>
      {next && open.after.length === 0 && (
        <div className="mt-4 flex justify-center">
          <Button onClick={() => { more(next, page); }}>Show older</Button>
        </div>
      )}
      {back && <Rollback deployment={back} onClose={() => { setBack(undefined); }} />}
    </>
  );
}
