import { Link } from '@tanstack/react-router';
import { Rocket } from 'lucide-react';
import { useQuery } from 'urql';
import { useEvents } from '../api/live';
import { buttonClass } from '../ui/button';
import { Card } from '../ui/card';
import { Empty } from '../ui/empty';
import { Problem } from '../ui/problem';
import { Waiting } from '../ui/skeleton';
import { replicasOf } from './card';
import { useService } from './context';
import { DeploymentRow } from './deployment-row';
import { deploymentsQuery } from './deployments-query';
import { Facts } from './facts';
import { Replicas } from './replicas';

// Overview is what a service does now and what was last done to it.
export function Overview() {
  const { service, instance } = useService();
  const [{ data, error, fetching, stale }, refetch] = useQuery({ query: deploymentsQuery, variables: { id: instance.id, first: 5 }, requestPolicy: 'cache-and-network' });
  const again = () => { refetch({ requestPolicy: 'network-only' }); };
  useEvents(instance.id, again, fetching || stale);
  const recent = data?.serviceInstance?.deployments;
  const params = { project: service.project.slug, service: service.slug };
  return (
    <div className="grid items-start gap-5 lg:grid-cols-2">
      <div className="flex min-w-0 flex-col gap-5">
        <Facts />
        {replicasOf(instance) && <Replicas />}
      </div>
      {recent?.nodes.length === 0 ? (
        <Empty icon={<Rocket />} title="Never deployed here">
          {instance.service.source ? 'Deploy it, and it shows here how that goes.' : 'Choose “Upload and deploy” in the menu, or send a folder from a terminal with davit deploy.'}
        </Empty>
      ) : (
        <Card
          flush
          title="Latest deployments"
          action={
            <Link to="/projects/$project/$service/deployments" params={params} search={{ env: instance.environment.slug }} className={buttonClass('quiet', 'small')}>
              All {recent ? recent.totalCount : ''}
            </Link>
          }
        >
          {recent ? (
            <ul className="divide-y divide-line">
              {recent.nodes.map((d) => (
                <DeploymentRow key={d.id} deployment={d} />
              ))}
            </ul>
          ) : (
            <div className="p-4">{error ? <Problem error={error} onRetry={again} /> : <Waiting height="h-10" />}</div>
          )}
        </Card>
      )}
    </div>
  );
}
