import { memo } from 'react';
import { count } from '../ui/count';
import type { GapEntry } from './entries';
import type { GapReason } from './line';

const reasons: Record<GapReason, string> = {
  SLOW_CONSUMER: 'they came faster than they could be shown; they are kept',
  RATE_LIMITED: 'more was printed than Davit takes in',
  RETENTION: 'they were too old, or too many',
  STORE_UNAVAILABLE: 'they could not be stored or read',
  ENGINE_AWAY: 'the engine was away, and what it had just taken is gone',
};

const states: Record<GapEntry['state'], string> = {
  open: 'Load what is missing',
  loading: 'Loading…',
  failed: 'Try again',
  gone: '',
};

interface Props {
  entry: GapEntry;
  version: number; // of the entry, which changes in place
  active: boolean;
  onFill: (entry: GapEntry) => void;
}

// GapRow stands where lines are missing.
export const GapRow = memo(function GapRow({ entry, active, onFill }: Props) {
  const { gap, state } = entry;
  const lines = gap.reason === 'ENGINE_AWAY' ? 'Lines may be' : gap.dropped === null ? 'Some lines are' : count(gap.dropped, 'line is', 'lines are');
  return (
    <div
      id={`log-row-${entry.id}-0`}
      aria-current={active || undefined}
      className="log-line flex items-center gap-3 border-y border-dashed border-warn/50 bg-warn/8 px-3 font-mono text-xs text-warn aria-[current=true]:outline-1 aria-[current=true]:outline-accent"
    >
      <span>
        {lines} missing: {reasons[gap.reason]}.{state === 'gone' && ' Nothing is left of them.'}
      </span>
      {state !== 'gone' && (
        <button type="button" disabled={state === 'loading'} className="underline hover:no-underline" onClick={() => { onFill(entry); }}>
          {states[state]}
        </button>
      )}
    </div>
  );
});
