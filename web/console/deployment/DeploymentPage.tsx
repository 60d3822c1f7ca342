import { useMemo, useRef } from 'react';
import { replicaName } from '../api/status';
import { type LogView, LogViewer } from '../log';
import { Card } from '../ui/card';
import { Empty } from '../ui/empty';
import { Problem } from '../ui/problem';
import { Waiting } from '../ui/skeleton';
import { Title } from '../ui/title';
import { Actions, refusal, useActions } from './Actions';
import { BuildSteps } from './BuildSteps';
import { DeploymentHeader } from './DeploymentHeader';
import type { Deployment } from './document';
import { FailureCard } from './FailureCard';
import { PhaseLadder } from './PhaseLadder';
import { Replicas } from './Replicas';
import { useDeployment } from './use-deployment';
import { stateOf } from './words';

export type Place = 'service' | 'settings' | 'variables' | { deployment: string };

interface Props {
  id: string;
  view: LogView; // what of the log the address says
  onView: (view: LogView) => void;
  onGo: (place: Place, from: Deployment) => void;
}

// DeploymentPage shows a deployment while it runs and after: how far it is, what it prints, and what went wrong.
export function DeploymentPage({ id, view, onView, onGo }: Props) {
  const { deployment, serving, error, again } = useDeployment(id);
  const actions = useActions(deployment, (next) => { if (deployment) onGo({ deployment: next }, deployment); });
  const log = useRef<HTMLElement>(null);
  const all = deployment?.replicas;
  const replicas = useMemo(() => (all ?? []).map((r) => ({ id: r.id, name: replicaName(r) })), [all]);

  if (!deployment) {
    if (error) return <Problem error={error} onRetry={again} />;
    return <Waiting rows={3} height="h-32" />;
  }
  const name = `${deployment.service.name} #${deployment.number}`;
  const noLog = refusal(deployment, 'READ_LOGS');
  return (
    <div className="flex flex-col gap-5">
      <Title>{`${titleOf(deployment)} ${name}`}</Title>
      <DeploymentHeader
        deployment={deployment}
        actions={<Actions deployment={deployment} actions={actions} />}
        onService={() => { onGo('service', deployment); }}
      />
      {deployment.failure && deployment.conclusion !== 'CANCELED' && (
        <FailureCard
          failure={deployment.failure}
          serving={serving}
          refused={refusal(deployment, 'DEPLOY')}
          busy={actions.redeploying}
          onRedeploy={() => void actions.redeploy()}
          onSettings={() => { onGo('settings', deployment); }}
          onVariables={() => { onGo('variables', deployment); }}
          onLogs={() => { log.current?.scrollIntoView({ behavior: 'smooth' }); }}
        />
      )}
      <div className="grid items-start gap-5 lg:grid-cols-[minmax(19rem,24rem)_minmax(0,1fr)]">
        <div className="flex min-w-0 flex-col gap-5">
          <Card title="What happened">
            <PhaseLadder deployment={deployment}>
              {(phase) => phase.name === 'BUILD' && deployment.build && <BuildSteps build={deployment.build} />}
            </PhaseLadder>
          </Card>
          {deployment.replicas.length > 0 && (
            <Card title="Replicas">
              <Replicas replicas={deployment.replicas} />
            </Card>
          )}
        </div>
        <section ref={log} aria-label="What it printed" className="min-w-0 scroll-mt-4 lg:sticky lg:top-4">
          {noLog === null ? (
            <LogViewer
              name={name}
              source={{ deploymentId: deployment.id }}
              view={view}
              onView={onView}
              replicas={replicas}
              className="h-[calc(100dvh-8rem)] min-h-96"
            />
          ) : (
            <Empty title="You may not read this log">{noLog}</Empty>
          )}
        </section>
      </div>
    </div>
  );
}

const marks = { good: '✓', bad: '✗', busy: '…', warn: '…', idle: '○' } as const;

const titleOf = (deployment: Deployment) => marks[stateOf(deployment).tone];
