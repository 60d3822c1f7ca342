// What the API's words for states are for people, and how well each is.
import type { Tone } from '../ui/badge';

type Instance = { status: string; latestDeployment?: { conclusion: string | null } | null };

const instances: Record<string, [Tone, string]> = {
  NOT_DEPLOYED: ['idle', 'Not deployed'],
  DEPLOYING: ['busy', 'First deploy'],
  RUNNING: ['good', 'Running'],
  DEGRADED: ['warn', 'Degraded'],
  STOPPED: ['idle', 'Stopped'],
  CRASHED: ['bad', 'Crashed'],
  DELETING: ['idle', 'Being deleted'],
};

export function instanceStatus({ status, latestDeployment }: Instance): [Tone, string] {
  if (status === 'NOT_DEPLOYED' && latestDeployment?.conclusion === 'FAILED') return ['bad', 'Failed'];
  return instances[status] ?? ['idle', status];
}

const underWay: Record<string, string> = {
  QUEUED: 'Queued',
  PREPARING: 'Preparing',
  BUILDING: 'Building',
  DEPLOYING: 'Deploying',
  FINALIZING: 'Finalizing',
};

const ended: Record<string, [Tone, string]> = {
  SUCCEEDED: ['good', 'Succeeded'],
  FAILED: ['bad', 'Failed'],
  CANCELED: ['idle', 'Canceled'],
  SKIPPED: ['idle', 'Skipped'],
};

type Deployment = { status: string; conclusion: string | null; isActive?: boolean };

export function deploymentStatus({ status, conclusion, isActive }: Deployment): [Tone, string] {
  if (isActive && conclusion === 'SUCCEEDED') return ['good', 'Live'];
  if (!conclusion) return [status === 'QUEUED' ? 'idle' : 'busy', underWay[status] ?? status];
  const [tone, text] = ended[conclusion] ?? ['idle', conclusion];
  return [tone === 'good' && isActive === false ? 'idle' : tone, text];
}

const healths: Record<string, [Tone, string]> = {
  UNKNOWN: ['idle', 'not checked'],
  STARTING: ['busy', 'starting'],
  HEALTHY: ['good', 'healthy'],
  UNHEALTHY: ['bad', 'unhealthy'],
};

export const healthStatus = (health: string): [Tone, string] => healths[health] ?? ['idle', health];

const replicas: Record<string, [Tone, string]> = {
  CREATED: ['busy', 'Created'],
  STARTING: ['busy', 'Starting'],
  RUNNING: ['good', 'Running'],
  RESTARTING: ['warn', 'Restarting'],
  DRAINING: ['busy', 'Draining'],
  EXITED: ['idle', 'Exited'],
  CRASHED: ['bad', 'Crashed'],
  REMOVED: ['idle', 'Removed'],
};

export const replicaStatus = (status: string): [Tone, string] => replicas[status] ?? ['idle', status];

// replicaName is what a replica is called, as in the commands.
export const replicaName = ({ process, slot }: { process: string | null; slot: number }) => `${process ?? 'web'}.${slot}`;
