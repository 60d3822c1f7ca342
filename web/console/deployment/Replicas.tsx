import { replicaName, replicaStatus } from '../api/status';
import { Badge } from '../ui/badge';
import { Time } from '../ui/time';
import type { Replica } from './document';

// Replicas lists the containers of a deployment, also those that are gone.
export const Replicas = ({ replicas }: { replicas: readonly Replica[] }) => (
  <ul className="flex flex-col divide-y divide-line">
    {replicas.map((replica) => {
      const [tone, status] = replicaStatus(replica.status);
      return (
        <li key={replica.id} className="flex flex-wrap items-center gap-x-3 gap-y-1 py-2 text-[13px] first:pt-0 last:pb-0">
          <code className="font-mono text-xs" title={replica.id}>{replicaName(replica)}</code>
          <Badge dot tone={tone}>{status}</Badge>
          {replica.status === 'RUNNING' && replica.health === 'UNHEALTHY' && <Badge tone="bad">does not answer as it should</Badge>}
          <span className="flex-1" />
          {replica.restarts > 0 && <span className="text-warn">{replica.restarts === 1 ? 'restarted once' : `restarted ${replica.restarts} times`}</span>}
          {replica.oomKilled && <span className="text-bad">out of memory</span>}
          {replica.lastExitCode !== null && replica.status !== 'RUNNING' && <span className="text-muted">exit code {replica.lastExitCode}</span>}
          {replica.startedAt && <span className="text-muted"><Time at={replica.startedAt} /></span>}
        </li>
      );
    })}
  </ul>
);
