import { ExternalLink } from 'lucide-react';
import type { ReactNode } from 'react';
import { Copy } from '../ui/copy';
import { Card } from '../ui/card';
import { Time } from '../ui/time';
import { replicasOf } from './card';
import { useService } from './context';
import { WhatRuns } from './what-runs';
import { DeploymentLink } from './where';

const Fact = ({ name, children }: { name: string; children: ReactNode }) => (
  <div className="grid grid-cols-[7rem_minmax(0,1fr)] items-center gap-2 px-4 py-2.5">
    <dt className="text-muted">{name}</dt>
    <dd className="flex min-w-0 items-center gap-1">{children}</dd>
  </div>
);

// Facts are what there is to know of what serves.
export function Facts() {
  const { service, instance } = useService();
  const active = instance.activeDeployment;
  const replicas = replicasOf(instance);
  return (
    <Card title="Serving now" flush>
      <dl className="divide-y divide-line">
        {(service.kind === 'CRON' ? [] : instance.routes).map((r) => (
          <Fact key={r.id} name="URL">
            <a href={r.url} target="_blank" rel="noreferrer" className="flex min-w-0 items-center gap-1.5 font-medium text-accent-text hover:underline">
              <span className="truncate">{r.url.replace(/^https?:\/\//, '').replace(/\/$/, '')}</span>
              <ExternalLink aria-hidden className="size-3.5 shrink-0" />
            </a>
            <Copy text={r.url} label="Copy the URL" />
          </Fact>
        ))}
        {replicas && (
          <Fact name="Inside">
            <code className="truncate font-mono text-[13px]">{service.internalHost}</code>
            <Copy text={service.internalHost} label="Copy the name inside the project" />
          </Fact>
        )}
        <Fact name="Source">
          <WhatRuns deployment={active} source={instance.service.source} />
        </Fact>
        <Fact name="Deployment">
          {active ? (
            <>
              <DeploymentLink id={active.id} className="font-medium hover:text-accent-text">#{active.number}</DeploymentLink>
              {active.trafficSwitchedAt && <span className="text-muted">went live <Time at={active.trafficSwitchedAt} /></span>}
            </>
          ) : (
            <span className="text-muted">Nothing serves yet</span>
          )}
        </Fact>
        {replicas && <Fact name="Running">{replicas}</Fact>}
        {instance.nextCronRunAt && <Fact name="Next run"><Time ahead at={instance.nextCronRunAt} /></Fact>}
      </dl>
    </Card>
  );
}
