import { useState } from 'react';
import { Badge } from '../ui/badge';
import { count } from '../ui/count';
import { cx } from '../ui/cx';
import { Elapsed } from '../ui/time';
import type { Build, Step } from './document';
import { phaseStates } from './words';

const marks: Record<Step['status'], string> = {
  PENDING: 'text-faint', RUNNING: 'text-busy', SUCCEEDED: 'text-good', FAILED: 'text-bad', SKIPPED: 'text-faint', CANCELED: 'text-muted',
};

const shownAtFirst = 12;

// BuildSteps lists what a build does: what had to run, what was kept of an earlier one, and what failed.
export function BuildSteps({ build }: { build: Build }) {
  const [all, setAll] = useState(false);
  const { steps } = build;
  const kept = steps.filter((s) => s.cached).length;
  const shown = all ? steps : interesting(steps);
  if (steps.length === 0) return null;
  return (
    <div className="mt-1.5 rounded-lg border border-line bg-sunken px-3 py-2">
      <p className="mb-1 flex flex-wrap items-center gap-2 text-xs text-muted">
        {count(steps.length, 'step')}, {build.cacheHit ? 'all' : kept} from the cache{build.platform && ` · ${build.platform}`}
      </p>
      <ol className="flex flex-col gap-0.5">
        {shown.map((step) => <StepRow key={step.id} step={step} />)}
      </ol>
      {steps.length > shownAtFirst && (
        <button type="button" aria-expanded={all} className="mt-1 text-xs text-accent-text hover:underline" onClick={() => { setAll(!all); }}>
          {all ? 'Fewer steps' : `All ${steps.length} steps`}
        </button>
      )}
    </div>
  );
}

// interesting are the last steps that did something, in their order.
function interesting(steps: readonly Step[]): readonly Step[] {
  if (steps.length <= shownAtFirst) return steps;
  const begun = steps.filter((s) => s.status !== 'PENDING');
  const failed = begun.filter((s) => s.status === 'FAILED');
  const rest = begun.filter((s) => s.status !== 'FAILED').slice(-Math.max(1, shownAtFirst - failed.length));
  return begun.filter((s) => failed.includes(s) || rest.includes(s));
}

const StepRow = ({ step }: { step: Step }) => (
  <li className="text-xs">
    <div className="flex items-baseline gap-2">
      <span aria-hidden className={cx('mt-1 size-1.5 shrink-0 self-start rounded-full bg-current', marks[step.status], step.status === 'RUNNING' && 'animate-pulse-dot')} />
      <code className={cx('min-w-0 flex-1 truncate font-mono', step.status === 'PENDING' && 'text-faint')} title={step.name}>{step.name}</code>
      <span className="sr-only">{phaseStates[step.status]}</span>
      {step.cached ? (
        <Badge className="h-4.5 text-[11px]">cached</Badge>
      ) : (
        step.startedAt && (step.finishedAt || step.status === 'RUNNING') && <Elapsed from={step.startedAt} to={step.finishedAt} className="shrink-0 text-muted" />
      )}
    </div>
    {step.error && <p className="pl-3.5 wrap-break-word text-bad">{step.error}</p>}
  </li>
);
