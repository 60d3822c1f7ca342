import { CircleAlert, CloudOff, RotateCw, ScrollText, ServerCrash, SlidersHorizontal, Variable } from 'lucide-react';
import type { ReactNode } from 'react';
import { Ansi } from '../log';
import { Badge } from '../ui/badge';
import { Button } from '../ui/button';
import type { Failure } from './document';
import { remedyOf } from './remedy';
import { domains, phaseNames } from './words';

const icons: Record<Failure['domain'], ReactNode> = {
  USER: <CircleAlert aria-hidden />,
  PLATFORM: <ServerCrash aria-hidden />,
  UPSTREAM: <CloudOff aria-hidden />,
};

interface Props {
  failure: Failure;
  serving: number | null; // the deployment that goes on serving
  refused: string | null; // why the viewer may not deploy
  busy: boolean;
  onRedeploy: () => void;
  onSettings: () => void;
  onVariables: () => void;
  onLogs: () => void;
}

// FailureCard says why a deployment failed, whose fault that is, and what mends it.
export function FailureCard({ failure, serving, refused, busy, onRedeploy, onSettings, onVariables, onLogs }: Props) {
  const domain = domains[failure.domain];
  const first = remedyOf(failure);
  const tone = (what: typeof first) => (what === first ? 'primary' : 'plain');
  return (
    <section aria-labelledby="failure" className="log rounded-xl border border-bad/40 bg-bad/5 p-4">
      <div className="flex gap-3">
        <span className="mt-0.5 text-bad [&_svg]:size-5">{icons[failure.domain]}</span>
        <div className="min-w-0 flex-1">
          <h2 id="failure" className="font-semibold wrap-break-word">{failure.message}</h2>
          {failure.hint && <p className="mt-1 wrap-break-word">{failure.hint}</p>}
          <p className="mt-2 flex flex-wrap items-center gap-x-3 gap-y-1 text-[13px] text-muted">
            <Badge tone={failure.domain === 'USER' ? 'bad' : 'warn'}>{domain.title}</Badge>
            <span>{domain.text}</span>
            {serving !== null && <span>#{serving} goes on serving.</span>}
          </p>
          <dl className="mt-2 flex flex-wrap gap-x-5 gap-y-1 text-[13px]">
            <Fact name="Code"><code className="font-mono text-xs">{failure.code}</code></Fact>
            {failure.phase && <Fact name="While">{phaseNames[failure.phase].toLowerCase()}</Fact>}
            {failure.exitCode !== null && <Fact name="Exit code"><code className="font-mono text-xs">{failure.exitCode}</code></Fact>}
            {failure.oomKilled && <Fact name="Memory">it was killed because it had no more</Fact>}
          </dl>
        </div>
      </div>
      {failure.logExcerpt.length > 0 && (
        <div tabIndex={0} role="group" aria-label="Last lines" className="mt-3 max-h-56 overflow-auto rounded-lg border border-line bg-surface px-3 py-2 font-mono text-xs leading-[17px] whitespace-pre">
          {failure.logExcerpt.map((line, i) => (
            <div key={i}><Ansi text={line.message} /></div>
          ))}
        </div>
      )}
      <div className="mt-3 flex flex-wrap gap-2">
        <Button tone={tone('redeploy')} size="small" busy={busy} refused={refused} onClick={onRedeploy}><RotateCw aria-hidden /> Deploy again</Button>
        <Button tone={tone('variables')} size="small" onClick={onVariables}><Variable aria-hidden /> Variables</Button>
        <Button tone={tone('settings')} size="small" onClick={onSettings}><SlidersHorizontal aria-hidden /> Settings</Button>
        <Button tone={tone('logs')} size="small" onClick={onLogs}><ScrollText aria-hidden /> What it printed</Button>
      </div>
    </section>
  );
}

const Fact = ({ name, children }: { name: string; children: ReactNode }) => (
  <div className="flex gap-1.5">
    <dt className="text-muted">{name}</dt>
    <dd>{children}</dd>
  </div>
);
