import { Search } from 'lucide-react';
import { useState } from 'react';
import { code } from '../api/fault';
import { Button } from '../ui/button';
import { Field, Input } from '../ui/field';
import { ProblemLine } from '../ui/problem-line';
import { Branch } from './branch';
import { Detected } from './detected';
import type { Draft } from './draft';
import { isSsh } from './forge';
import { NotBuildable } from './not-buildable';
import type { Detection } from './operations';
import { Private } from './private';
import { useLook } from './use-look';

type Props = { draft: Draft; change: (part: Partial<Draft>) => void; detection: Detection | undefined; onDetection: (d: Detection | undefined) => void };

// FromGit asks for a repository, looks into it, and shows how it would be built.
export function FromGit({ draft, change, detection, onDetection }: Props) {
  const [priv, setPrivate] = useState(false);
  const [looked, setLooked] = useState({ ref: '', root: '' }); // what the detection is of
  const { repository, busy, problem, ask, forget } = useLook((found) => {
    if (!found.canPull) setPrivate(true);
    onDetection(found.detect ?? undefined);
  });

  const look = (part: Partial<Draft> = {}) => {
    const asked = { ...draft, ...part };
    if (!asked.repository.trim() || asked.deployKey) return;
    setLooked({ ref: asked.ref, root: asked.root });
    onDetection(undefined);
    ask(asked);
  };
  const address = (url: string) => {
    const ssh = isSsh(url);
    if (ssh) setPrivate(true);
    change({ repository: url, ...(ssh && { deployKey: true }) });
    forget();
    onDetection(undefined);
  };
  const branch = (ref: string) => {
    change({ ref });
    if (ref !== looked.ref) look({ ref });
  };
  // what cannot be looked into is asked for as text
  const blind = draft.deployKey;

  return (
    <>
      <Field label="Repository" hint={blind ? 'With a deploy key it cannot be looked into before it is deployed.' : 'https://host/path, or ssh for one with a deploy key.'} error={repository && !repository.canPull ? repository.reason : undefined}>
        {(wiring) => (
          <div className="flex gap-2">
            <Input
              {...wiring}
              mono
              autoFocus
              placeholder="https://github.com/team/shop"
              value={draft.repository}
              onChange={(event) => { address(event.target.value); }}
              onKeyDown={(event) => {
                if (event.key !== 'Enter') return;
                event.preventDefault();
                if (!busy) look();
              }}
            />
            {!blind && <Button busy={busy} disabled={!draft.repository.trim()} onClick={() => { look(); }}><Search aria-hidden /> Look</Button>}
          </div>
        )}
      </Field>
      {priv ? (
        <Private
          access={draft}
          change={(part) => {
            if (part.repository !== undefined) forget();
            if (part.deployKey) {
              forget();
              onDetection(undefined);
            }
            change(part);
          }}
        />
      ) : (
        <button type="button" className="w-fit text-[13px] text-accent-text hover:underline" onClick={() => { setPrivate(true); }}>It is private</button>
      )}
      {(blind || repository?.canPull) && (
        <div className="grid gap-4 sm:grid-cols-2">
          <Branch draft={draft} repository={blind ? undefined : repository} onRef={(ref) => { change({ ref }); }} onLook={branch} />
          <Field optional label="Root directory" hint="What is built, below the root of the repository.">
            {(wiring) => (
              <Input {...wiring} mono placeholder="apps/web" value={draft.root} onChange={(event) => { change({ root: event.target.value }); }} onBlur={() => { if (draft.root !== looked.root) look(); }} />
            )}
          </Field>
        </div>
      )}
      {detection && <Detected detection={detection} />}
      {problem && code(problem) === 'NOT_BUILDABLE' ? <NotBuildable error={problem} busy={busy} onRetry={() => { look(); }} /> : <ProblemLine error={problem} />}
    </>
  );
}
