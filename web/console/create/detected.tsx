import { Sparkles } from 'lucide-react';
import { words } from '../shell/copy-text';
import { Badge } from '../ui/badge';
import type { Detection } from './operations';

// Detected is what was found out about a source, and why.
export function Detected({ detection: d }: { detection: Detection }) {
  const what = d.builder === 'DOCKERFILE' ? 'Dockerfile' : [d.framework ?? d.language ?? 'Static files', d.framework && d.language !== d.framework ? d.language : null].filter(Boolean).join(' · ');
  const facts = [
    d.runtimeVersion && `version ${d.runtimeVersion}${d.versionSource ? ` (${d.versionSource})` : ''}`,
    d.packageManager,
    d.port !== null && `port ${d.port}`,
  ].filter((f): f is string => Boolean(f));
  const also = [
    ['Before it goes live', words(d.preDeployCommand)],
    ['Beside it', d.processes.map((p) => p.name).join(', ')],
    ['Debian packages', d.packages.join(', ')],
  ].filter(([, text]) => text);
  return (
    <div role="status" className="rounded-lg border border-line bg-sunken p-4">
      <p className="flex flex-wrap items-center gap-2 font-medium">
        <Sparkles aria-hidden className="size-4 text-accent-text" /> {what}
        {facts.map((f) => <Badge key={f}>{f}</Badge>)}
      </p>
      <p className="mt-1 truncate text-[13px] text-muted">
        at <code className="font-mono">{d.commit.sha.slice(0, 7)}</code> {d.commit.message.split('\n')[0]}
      </p>
      {also.map(([name, text]) => <p key={name} className="mt-1 text-[13px] text-muted">{name}: <code className="font-mono wrap-anywhere">{text}</code></p>)}
      {d.trace.length > 0 && (
        <details className="mt-2 text-[13px] text-muted">
          <summary className="w-fit cursor-pointer hover:text-text">Why</summary>
          <ul className="mt-1.5 list-disc pl-5">{d.trace.map((line) => <li key={line}>{line}</li>)}</ul>
        </details>
      )}
      {d.dockerfile && d.builder !== 'STATIC' && (
        <details className="mt-1 text-[13px] text-muted">
          <summary className="w-fit cursor-pointer hover:text-text">{d.builder === 'DOCKERFILE' ? 'Its Dockerfile' : 'The Dockerfile it is built by'}</summary>
          <pre tabIndex={0} aria-label="Dockerfile" className="mt-1.5 max-h-72 overflow-auto rounded-md border border-line bg-surface p-3 font-mono text-xs text-text">{d.dockerfile}</pre>
        </details>
      )}
    </div>
  );
}
