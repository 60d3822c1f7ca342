import { words } from '../shell/copy-text';
import type { Tone } from '../ui/badge';
import type { Run } from './operations';

export const isOver = (run: Pick<Run, 'status'>) => run.status !== 'QUEUED' && run.status !== 'RUNNING';

// stateOf is where a run is, or how it ended, and how well that is.
export function stateOf(run: Pick<Run, 'status' | 'exitCode'>): [Tone, string] {
  switch (run.status) {
    case 'QUEUED':
      return ['idle', 'Waiting'];
    case 'RUNNING':
      return ['busy', 'Running'];
    case 'SUCCEEDED':
      return ['good', 'Succeeded'];
    case 'CANCELED':
      return ['idle', 'Canceled'];
    case 'FAILED':
      return ['bad', run.exitCode === null || run.exitCode === 0 ? 'Failed' : `Exit code ${run.exitCode}`];
  }
}

// whatRan is the command of a run as one would type it, or why it ran.
export function whatRan(run: Pick<Run, 'command' | 'scheduledAt'>): string {
  if (run.command && run.command.length > 0) return words(run.command);
  return run.scheduledAt ? 'Scheduled run' : 'Run by hand';
}

// timeouts are how long a command may run, as the API takes it.
export const timeouts: [string, string][] = [['PT1M', '1 minute'], ['PT10M', '10 minutes'], ['PT1H', '1 hour'], ['PT6H', '6 hours'], ['P1D', '1 day']];
