import { useAct } from '../api/act';
import { refusal } from '../api/can';
import type { InstanceState } from '../api/instance';
import { useFollow } from '../api/operation';
import { healthStatus, replicaName, replicaStatus } from '../api/status';
import { StatusDot } from '../ui/badge';
import { Button } from '../ui/button';
import { Card } from '../ui/card';
import { Time } from '../ui/time';
import { useService } from './context';
import { restart } from './operations';

type Replica = InstanceState['replicas'][number];

const ending = (r: Replica) =>
  r.oomKilled ? 'ran out of memory' : r.lastExitCode !== null ? `last exit code ${r.lastExitCode}` : null;

// Replicas are the containers of an instance, and how each is.
export function Replicas() {
  const { service, instance } = useService();
  const follow = useFollow();
  const [run, busy] = useAct(restart, 'Not restarted');
  const replicas = instance.replicas.filter((r) => r.status !== 'REMOVED');
  const refused = refusal(service.can, 'DEPLOY');
  const onRestart = async (r: Replica) => {
    const data = await run({ input: { serviceInstanceId: instance.id, replicaId: r.id } });
    if (data) follow(data.restartService.operation.id, `${replicaName(r)} was restarted`, `${replicaName(r)} was not restarted`);
  };
  return (
    <Card title="Replicas" hint={`${instance.settings.replicas} should run`} flush>
      {replicas.length === 0 ? (
        <p className="px-4 py-6 text-center text-muted">None runs.</p>
      ) : (
        <ul className="divide-y divide-line">
          {replicas.map((r) => {
            const [tone, status] = replicaStatus(r.status);
            const [, health] = healthStatus(r.health);
            const detail = [health, r.restarts > 0 && `restarted ${r.restarts}×`, ending(r)].filter(Boolean).join(' · ');
            return (
              <li key={r.id} className="flex items-center gap-3 px-4 py-2.5">
                <StatusDot tone={r.health === 'UNHEALTHY' ? 'bad' : tone} />
                <div className="min-w-0 flex-1">
                  <p>
                    <span className="font-mono text-[13px]">{replicaName(r)}</span> <span className="text-muted">{status}</span>
                  </p>
                  <p className="truncate text-xs text-faint">
                    {detail}
                    {r.startedAt && <> · started <Time at={r.startedAt} /></>}
                  </p>
                </div>
                {r.status === 'RUNNING' && (
                  <Button tone="quiet" size="small" busy={busy} refused={refused} aria-label={`Restart ${replicaName(r)}`} onClick={() => void onRestart(r)}>
                    Restart
                  </Button>
                )}
              </li>
            );
          })}
        </ul>
      )}
    </Card>
  );
}
