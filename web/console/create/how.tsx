import type { ReactNode } from 'react';
import { Field, Input, Select } from '../ui/field';
import { fieldsOf, foundBy, how, isSaid, languages, shownAt, type BuildKey } from './build';
import type { Draft, Kind } from './draft';
import type { Detection } from './operations';
import { TimeZones, zonesId } from './time-zones';

type Props = { draft: Draft; change: (part: Partial<Draft>) => void; detection: Detection | undefined };

const kinds: [Kind, string][] = [
  ['WEB', 'Web: answers requests at a URL'],
  ['WORKER', 'Worker: runs, and answers none'],
  ['STATIC_SITE', 'Static site: files at a URL'],
  ['CRON', 'Cron: runs on a schedule'],
];

const labels: Record<BuildKey, string> = {
  builder: 'Builder', dockerfile: 'Dockerfile', install: 'Install command', build: 'Build command', output: 'Output directory', start: 'Start command', port: 'Port',
};

const titles: Record<string, string> = { DOCKERFILE: 'a Dockerfile', STATIC: 'static files' };

// How asks how a service is built and run. The fields show what was detected;
// only what one changes is sent.
export function How({ draft, change, detection }: Props) {
  const built = draft.from !== 'image';
  const choose = (value: string) => { for (const [kind] of kinds) if (kind === value) change({ kind }); };
  return (
    <div className="flex flex-col gap-4">
      <Field label="Kind">
        {(wiring) => (
          <Select {...wiring} value={draft.kind} onChange={(event) => { choose(event.target.value); }}>
            {kinds.filter(([k]) => built || k !== 'STATIC_SITE').map(([value, words]) => <option key={value} value={value}>{words}</option>)}
          </Select>
        )}
      </Field>
      {draft.kind === 'CRON' && (
        <div className="grid gap-4 sm:grid-cols-2">
          <Field label="Schedule" hint="Minute, hour, day of the month, month, day of the week.">
            {(wiring) => <Input {...wiring} mono placeholder="30 4 * * 1-5" value={draft.cron} onChange={(event) => { change({ cron: event.target.value }); }} />}
          </Field>
          <Field optional label="Time zone">
            {(wiring) => <Input {...wiring} list={zonesId} placeholder="UTC" value={draft.timeZone} onChange={(event) => { change({ timeZone: event.target.value }); }} />}
          </Field>
          <TimeZones />
        </div>
      )}
      <div className="grid gap-4 sm:grid-cols-2">
        {fieldsOf(draft, detection).map((key) => <BuildField key={key} at={key} draft={draft} change={change} detection={detection} />)}
      </div>
    </div>
  );
}

function BuildField({ at, draft, change, detection }: Props & { at: BuildKey }) {
  const said = isSaid(draft, detection, at);
  const found = foundBy(detection, at);
  const label = <>{labels[at]}{said && <span className="size-1.5 self-center rounded-full bg-accent" title="Not as detected" />}</>;
  if (at === 'builder') {
    const detected = detection && (detection.builder === 'AUTO' ? (detection.language ?? 'its language') : titles[detection.builder]);
    return (
      <Field label={label} className="sm:col-span-2">
        {(wiring) => (
          <Select {...wiring} value={draft.builder ?? ''} onChange={(event) => { change({ builder: event.target.value || null }); }}>
            <option value="">{detected ? `As detected: ${detected}` : 'As detected when it is built'}</option>
            <option value="DOCKERFILE">A Dockerfile</option>
            <option value="STATIC">Static files, that are there or that a build makes</option>
            {languages.map(([value, words]) => <option key={value} value={value}>{words}</option>)}
          </Select>
        )}
      </Field>
    );
  }
  return (
    <Field label={label} optional={!said} hint={said && found ? <Back found={found} onBack={() => { change({ [at]: null }); }} /> : hint(at, draft, detection)}>
      {(wiring) => (
        <Input
          {...wiring}
          mono
          inputMode={at === 'port' ? 'numeric' : undefined}
          placeholder={found || placeholder(at, draft, detection)}
          value={shownAt(draft, detection, at)}
          onChange={(event) => { change({ [at]: event.target.value }); }}
          onBlur={() => { if (draft[at] !== null && !draft[at].trim()) change({ [at]: null }); }}
        />
      )}
    </Field>
  );
}

const Back = ({ found, onBack }: { found: string; onBack: () => void }): ReactNode => (
  <>Detected: <code className="font-mono wrap-anywhere">{found}</code> <button type="button" className="text-accent-text hover:underline" onClick={onBack}>Use it</button></>
);

function placeholder(at: BuildKey, draft: Draft, detection: Detection | undefined): string {
  if (at === 'port') return 'as the image says, else 8080';
  if (at === 'start' && draft.from === 'image') return 'as the image says';
  if (at === 'dockerfile') return 'Dockerfile';
  return detection ? 'none' : 'as detected';
}

function hint(at: BuildKey, draft: Draft, detection: Detection | undefined): string | undefined {
  if (at === 'dockerfile') return 'Below the root directory.';
  if (at === 'start' && how(draft, detection) === 'DOCKERFILE') return 'Empty: as the Dockerfile says. No shell sees it.';
  return at === 'output' ? 'Where the files are once it is built.' : undefined;
}
