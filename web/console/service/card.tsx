import { Link } from '@tanstack/react-router';
import { ExternalLink, Layers } from 'lucide-react';
import { useInstanceUpdates, type InstanceState } from '../api/instance';
import { deploymentStatus, instanceStatus } from '../api/status';
import { Badge } from '../ui/badge';
import { cardClass } from '../ui/card';
import { countOf } from '../ui/count';
import { cx } from '../ui/cx';
import { useInSight } from '../ui/in-sight';
import { Time } from '../ui/time';
import { WhatRuns } from './what-runs';

const kinds: Record<string, string> = { WEB: 'Web', WORKER: 'Worker', STATIC_SITE: 'Static site', CRON: 'Cron' };

const alive = (r: InstanceState['replicas'][number]) => r.status === 'RUNNING' && r.health !== 'UNHEALTHY';

// replicasOf says how many replicas of the service itself run, of how many,
// null where it has none.
export function replicasOf(instance: InstanceState): string | null {
  if (instance.service.kind === 'STATIC_SITE' || instance.service.kind === 'CRON') return null;
  if (instance.status === 'NOT_DEPLOYED' || instance.activeDeployment?.bundle) return null;
  return countOf(instance.replicas.filter((r) => !r.process && alive(r)).length, instance.settings.replicas, 'replica');
}

// ServiceCard is a service in one environment, as it is now.
export function ServiceCard({ project, instance, onGone }: { project: string; instance: InstanceState; onGone: () => void }) {
  const [card, inSight] = useInSight<HTMLElement>();
  useInstanceUpdates(inSight ? instance.id : undefined, onGone); // one socket bears no more than 50 of them
  const [tone, words] = instanceStatus(instance);
  const { service, latestDeployment: latest, activeDeployment: active } = instance;
  const [route] = service.kind === 'CRON' ? [] : instance.routes; // nothing of it answers
  const replicas = replicasOf(instance);
  const underWay = latest && !latest.conclusion;
  const failed = latest?.conclusion === 'FAILED';
  return (
    <article ref={card} className={cx(cardClass, 'relative flex min-h-44 flex-col gap-3 p-4 transition-colors hover:border-idle')} aria-label={service.name}>
      <div className="flex items-start gap-3">
        <div className="min-w-0 flex-1">
          <h2 className="truncate text-[15px] font-semibold">
            <Link
              to="/projects/$project/$service"
              params={{ project, service: service.slug }}
              search={{ env: instance.environment.slug }}
              className="after:absolute after:inset-0 after:rounded-xl"
            >
              {service.name}
            </Link>
          </h2>
          <p className="text-xs text-faint">{kinds[service.kind] ?? service.kind}</p>
        </div>
        <Badge tone={tone} dot>{words}</Badge>
      </div>
      <div className="flex min-w-0 flex-col gap-1.5 text-[13px] text-muted">
        {route && (
          <a href={route.url} target="_blank" rel="noreferrer" className="relative z-10 flex w-fit max-w-full items-center gap-1.5 hover:text-accent-text [&_svg]:size-3.5 [&_svg]:shrink-0">
            <ExternalLink aria-hidden />
            <span className="truncate">{route.url.replace(/^https?:\/\//, '').replace(/\/$/, '')}</span>
          </a>
        )}
        <WhatRuns deployment={active} source={service.source} />
        {replicas && (
          <span className="flex items-center gap-1.5 [&_svg]:size-3.5">
            <Layers aria-hidden /> {replicas}
          </span>
        )}
        {instance.nextCronRunAt && <span>Next run <Time ahead at={instance.nextCronRunAt} /></span>}
      </div>
      <p className="mt-auto flex min-w-0 items-center gap-1.5 border-t border-line pt-2.5 text-xs text-faint">
        {underWay ? (
          <span className="font-medium text-busy">#{latest.number} {deploymentStatus(latest)[1].toLowerCase()}…</span>
        ) : failed ? (
          <span className="truncate text-bad" title={latest.failure?.message}>#{latest.number} failed: {latest.failure?.message}</span>
        ) : instance.stateReason ? (
          <span className="truncate" title={instance.stateReason}>{instance.stateReason}</span>
        ) : active?.trafficSwitchedAt ? (
          <span>#{active.number} went live <Time at={active.trafficSwitchedAt} /></span>
        ) : (
          <span>{latest ? <>#{latest.number} <Time at={latest.createdAt} /></> : 'Nothing was deployed yet'}</span>
        )}
      </p>
    </article>
  );
}
