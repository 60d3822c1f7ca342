import { graphql, type FragmentOf } from '../api/graphql';
import { deploymentStatus } from '../api/status';
import { isOurs } from '../deployment/words';
import { Badge } from '../ui/badge';
import { Elapsed, Time } from '../ui/time';
import { DeploymentLink } from './where';

export const deploymentRow = graphql(`
  fragment DeploymentRow on Deployment {
    id
    number
    status
    conclusion
    isActive
    message
    createdAt
    startedAt
    completedAt
    trafficSwitchedAt
    trigger {
      kind
    }
    createdBy {
      id
      displayName
    }
    commit {
      sha
      message
      branch
    }
    image {
      reference
      digest
    }
    rolledBackFrom {
      id
      number
    }
    failure {
      message
    }
  }
`);

export type DeploymentRowData = FragmentOf<typeof deploymentRow>;

const triggers: Record<string, string> = {
  REDEPLOY: 'Redeploy',
  ROLLBACK: 'Rollback',
  CONFIG_CHANGE: 'Change of settings',
};

function what(d: DeploymentRowData): string {
  if (d.message) return d.message;
  if (d.rolledBackFrom) return `Rollback to #${d.rolledBackFrom.number}`;
  if (d.commit) return d.commit.message.split('\n')[0] ?? '';
  const trigger = triggers[d.trigger.kind];
  if (trigger) return trigger;
  if (!d.image) return 'Deployment';
  return isOurs(d.image.reference) ? 'Upload' : d.image.reference;
}

// DeploymentRow is a deployment in a list.
export function DeploymentRow({ deployment: d, action }: { deployment: DeploymentRowData; action?: React.ReactNode }) {
  const [tone, words] = deploymentStatus(d);
  return (
    <li className="relative flex items-center gap-3 px-4 py-3 transition-colors hover:bg-hover/60">
      <span className="w-10 shrink-0 font-mono text-[13px] text-faint">#{d.number}</span>
      <div className="min-w-0 flex-1">
        <DeploymentLink id={d.id} className="block truncate font-medium after:absolute after:inset-0">
          {what(d)}
        </DeploymentLink>
        <p className="truncate text-xs text-faint">
          {d.failure && d.conclusion === 'FAILED' ? (
            <span className="text-bad">{d.failure.message}</span>
          ) : (
            <>
              {d.commit && <code className="font-mono">{d.commit.sha.slice(0, 7)} · </code>}
              {d.createdBy?.displayName ?? 'Davit'} · <Time at={d.createdAt} />
              {d.startedAt && <> · <Elapsed from={d.startedAt} to={d.trafficSwitchedAt ?? d.completedAt} /></>}
            </>
          )}
        </p>
      </div>
      <Badge tone={tone} dot>{words}</Badge>
      {action && <div className="relative z-10">{action}</div>}
    </li>
  );
}
