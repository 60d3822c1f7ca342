import { Ban, Check, Circle, CircleDashed, LoaderCircle, X } from 'lucide-react';
import type { ReactNode } from 'react';
import { cx } from '../ui/cx';
import { stopwatch } from '../ui/duration';
import { Elapsed } from '../ui/time';
import type { Deployment, Phase } from './document';
import { phaseNames, phaseStates, queueText } from './words';

const icons: Record<Phase['status'], ReactNode> = {
  PENDING: <Circle aria-hidden className="text-faint" />,
  RUNNING: <LoaderCircle aria-hidden className="animate-spin text-busy" />,
  SUCCEEDED: <Check aria-hidden className="text-good" />,
  FAILED: <X aria-hidden className="text-bad" />,
  SKIPPED: <CircleDashed aria-hidden className="text-faint" />,
  CANCELED: <Ban aria-hidden className="text-muted" />,
};

interface Props {
  deployment: Pick<Deployment, 'phases' | 'status' | 'queuePosition'>;
  children?: (phase: Phase) => ReactNode; // what more there is to a phase
}

// PhaseLadder shows what of a deployment ran so far, and how long.
export function PhaseLadder({ deployment, children }: Props) {
  const queue = queueText(deployment);
  const waiting = deployment.status === 'BUILDING' ? 'BUILD' : 'QUEUE';
  return (
    <ol className="flex flex-col">
      {deployment.phases.map((phase, i) => (
        <li key={phase.name} className="relative flex gap-3 pb-3 last:pb-0">
          {i < deployment.phases.length - 1 && <span aria-hidden className="absolute top-6 bottom-0 left-2.25 w-px bg-line" />}
          <span className="mt-0.5 grid size-5 shrink-0 place-items-center [&_svg]:size-4">{icons[phase.status]}</span>
          <div className="min-w-0 flex-1">
            <div className="flex items-baseline gap-2">
              <span className={cx('min-w-0 flex-1', phase.status === 'PENDING' || phase.status === 'SKIPPED' ? 'text-muted' : 'font-medium')}>
                {phaseNames[phase.name]}
                <span className="sr-only">: {phaseStates[phase.status]}</span>
                {phase.attempt > 1 && (
                  <span className="ml-2 text-xs font-normal text-warn">
                    attempt {phase.attempt} of {phase.maxAttempts}
                  </span>
                )}
              </span>
              <Duration phase={phase} />
            </div>
            {phase.detail && <p className="text-[13px] wrap-break-word text-muted">{phase.detail}</p>}
            {queue && phase.name === waiting && phase.status === 'RUNNING' && <p className="text-[13px] text-muted">{queue}</p>}
            {phase.error && <p className="text-[13px] wrap-break-word text-bad">{phase.error}</p>}
            {children?.(phase)}
          </div>
        </li>
      ))}
    </ol>
  );
}

function Duration({ phase }: { phase: Phase }) {
  const look = 'shrink-0 text-xs text-muted';
  if (phase.status === 'RUNNING' && phase.startedAt) return <Elapsed from={phase.startedAt} className={look} />;
  if (phase.durationMs === null) return null;
  return <span className={cx(look, 'tabular-nums')}>{stopwatch(phase.durationMs)}</span>;
}
