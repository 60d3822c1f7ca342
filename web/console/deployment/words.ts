// What the API calls things, in words for a person.

import type { Tone } from '../ui/badge';
import type { Deployment, Failure, Phase } from './document';

export const phaseNames: Record<Phase['name'], string> = {
  QUEUE: 'Wait for its turn',
  FETCH_SOURCE: 'Fetch the source',
  DETECT: 'Find out how to build it',
  BUILD: 'Build an image',
  PULL_IMAGE: 'Get the image',
  PRE_DEPLOY: 'Run the pre-deploy command',
  CREATE_CONTAINER: 'Make containers',
  START: 'Start them',
  HEALTH_CHECK: 'Wait until they are healthy',
  SWITCH_TRAFFIC: 'Send requests to them',
  DRAIN_OLD: 'Let those they replace finish',
  CLEANUP: 'Remove what is no longer needed',
};

export const phaseStates: Record<Phase['status'], string> = {
  PENDING: 'not begun',
  RUNNING: 'under way',
  SUCCEEDED: 'done',
  FAILED: 'failed',
  SKIPPED: 'not needed',
  CANCELED: 'stopped',
};

const statuses: Record<Deployment['status'], string> = {
  QUEUED: 'Waiting',
  PREPARING: 'Preparing',
  BUILDING: 'Building',
  DEPLOYING: 'Starting',
  FINALIZING: 'Live, finishing',
  COMPLETED: 'Ended',
};

type State = Pick<Deployment, 'status' | 'conclusion' | 'isActive'>;

// stateOf says where a deployment is or how it ended, in one or two words.
export function stateOf({ status, conclusion, isActive }: State): { text: string; tone: Tone } {
  switch (conclusion) {
    case 'SUCCEEDED':
      return isActive ? { text: 'Live', tone: 'good' } : { text: 'Replaced', tone: 'idle' };
    case 'FAILED':
      return { text: 'Failed', tone: 'bad' };
    case 'CANCELED':
      return { text: 'Canceled', tone: 'idle' };
    case 'SKIPPED':
      return { text: 'Skipped', tone: 'idle' };
    default:
      return { text: statuses[status], tone: status === 'QUEUED' ? 'idle' : 'busy' };
  }
}

export const domains: Record<Failure['domain'], { title: string; text: string }> = {
  USER: { title: 'Yours to mend', text: 'Something in the code or the settings. The same again fails again.' },
  PLATFORM: { title: 'Davit or its machine', text: 'Not your code. Davit tried again as often as it may.' },
  UPSTREAM: { title: 'Something Davit depends on', text: 'A registry, a forge or the network. It may work later without a change.' },
};

export const triggers: Record<Deployment['trigger']['kind'], string> = {
  MANUAL: 'Deployed',
  API: 'Deployed by a program',
  REDEPLOY: 'Redeployed',
  ROLLBACK: 'Rolled back',
  CONFIG_CHANGE: 'Settings changed',
};

// queueText says what a deployment waits for.
export function queueText({ status, queuePosition }: Pick<Deployment, 'status' | 'queuePosition'>): string | null {
  if (queuePosition === null) return null;
  const before = queuePosition === 0 ? 'it is next' : `${queuePosition} before it`;
  return status === 'BUILDING' ? `Waits for a place to build: ${before}` : `In the queue: ${before}`;
}

// isOurs tells the name of an image that was built here, which says nothing to a person.
export const isOurs = (reference: string) => /^davit\/ins_\w+:dep_/.test(reference);

// shortDigest is what one compares images by.
export const shortDigest = (digest: string) => digest.replace(/^sha256:/, '').slice(0, 12);
