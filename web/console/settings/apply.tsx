import type { CombinedError } from '@urql/core';
import type { ReactNode } from 'react';
import { Button } from '../ui/button';
import { count } from '../ui/count';
import { ProblemLine } from '../ui/problem-line';

type Change = { key: string; label: string; before: string; after: string };

// How changes are applied: as the API has it, or with a deployment of the newest source.
export type How = 'STAGE' | 'REDEPLOY' | 'ANEW';

type Props = {
  changes: Change[];
  fine: boolean;
  serving: number | null; // the deployment that serves, whose image would run with them
  failed: number | null; // the newest deployment, if it failed
  refused: string | null; // why the viewer may not deploy
  busy: boolean;
  problem: CombinedError | undefined;
  conflict: ReactNode;
  copy: ReactNode;
  onApply: (how: How) => void;
  onDiscard: () => void;
};

const Value = ({ children }: { children: string }) => <code className="font-mono text-[13px] wrap-anywhere">{children || 'default'}</code>;

// Apply says what will change, and changes it at once.
export const Apply = ({ changes, fine, serving, failed, refused, busy, problem, conflict, copy, onApply, onDiscard }: Props) => (
  <section aria-label="Changes that are not applied" className="animate-appear sticky bottom-4 z-20 flex flex-col gap-3 rounded-xl border border-accent/40 bg-raised p-4 shadow-pop">
    <h2 className="font-semibold">{count(changes.length, 'change')}, not applied yet</h2>
    <ul className="flex max-h-40 flex-col gap-1 overflow-y-auto">
      {changes.map((c) => (
        <li key={c.key} className="text-[13px]">
          <span className="text-muted">{c.label}: </span>
          <span className="text-faint line-through"><Value>{c.before}</Value></span> → <Value>{c.after}</Value>
        </li>
      ))}
    </ul>
    {!fine && <p role="status" className="text-[13px] text-bad">Something of it is wrong: see the fields.</p>}
    {failed !== null && (
      <p className="text-[13px] text-muted">
        #{failed} failed. {serving !== null && `To redeploy takes what serves, #${serving}. `}To deploy anew takes the newest source, with these settings.
      </p>
    )}
    <ProblemLine error={problem} />
    <div className="flex flex-wrap items-center justify-end gap-2">
      <div className="mr-auto">{fine && copy}</div>
      {conflict}
      <Button tone="quiet" onClick={onDiscard}>Discard</Button>
      {serving !== null && <Button busy={busy} disabled={!fine} onClick={() => { onApply('STAGE'); }}>Save for the next deployment</Button>}
      <Button tone={failed === null ? 'primary' : 'plain'} busy={busy} disabled={!fine} onClick={() => { onApply('REDEPLOY'); }}>{serving === null ? 'Apply' : 'Apply and redeploy'}</Button>
      {failed !== null && <Button tone="primary" busy={busy} disabled={!fine} refused={refused} onClick={() => { onApply('ANEW'); }}>Apply and deploy anew</Button>}
    </div>
  </section>
);
