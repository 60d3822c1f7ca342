// How a service is built and run, as it was detected, and what of it somebody
// said otherwise.
import type { Draft } from './draft';
import type { Detection } from './operations';

export const buildKeys = ['builder', 'dockerfile', 'install', 'build', 'output', 'start', 'port'] as const;
export type BuildKey = (typeof buildKeys)[number];

// Languages are what a source can be built as, as the API calls them.
export const languages: [string, string][] = [
  ['node', 'Node.js'], ['python', 'Python'], ['go', 'Go'], ['ruby', 'Ruby'], ['php', 'PHP'], ['java', 'Java'],
  ['dotnet', '.NET'], ['rust', 'Rust'], ['elixir', 'Elixir'], ['deno', 'Deno'],
];

// foundBy is what a detection says of a field, '' if it says nothing.
export function foundBy(d: Detection | undefined, key: BuildKey): string {
  if (!d) return '';
  switch (key) {
    case 'builder':
      return '';
    case 'dockerfile':
      return d.builder === 'DOCKERFILE' ? 'Dockerfile' : '';
    case 'install':
      return d.installCommand ?? '';
    case 'build':
      return d.buildCommand ?? '';
    case 'output':
      return d.outputDirectory ?? '';
    case 'start':
      return d.startCommand ?? '';
    case 'port':
      return d.port === null ? '' : String(d.port);
  }
}

// shownAt is what a field shows: what was said, else what was detected.
export const shownAt = (draft: Draft, d: Detection | undefined, key: BuildKey) => draft[key] ?? foundBy(d, key);

// isSaid tells whether a field is to be sent: it differs from what was detected.
export const isSaid = (draft: Draft, d: Detection | undefined, key: BuildKey) => {
  const said = draft[key]?.trim();
  return Boolean(said) && said !== foundBy(d, key);
};

// how is in which way it is built, once what somebody said is taken into account.
export const how = (draft: Draft, d: Detection | undefined) => draft.builder || d?.builder || 'AUTO';

// fieldsOf are the fields that mean something for a draft.
export function fieldsOf(draft: Draft, d: Detection | undefined): BuildKey[] {
  const runs = draft.kind !== 'STATIC_SITE';
  const run: BuildKey[] = [...(draft.kind === 'WEB' ? (['port'] as const) : []), ...(runs ? (['start'] as const) : [])];
  if (draft.from === 'image') return run;
  if (draft.from === 'example') return [];
  if (how(draft, d) === 'DOCKERFILE') return ['builder', 'dockerfile', ...run];
  const site = !runs || how(draft, d) === 'STATIC';
  return ['builder', 'install', 'build', ...(site ? (['output'] as const) : []), ...run];
}

const settings = { dockerfile: 'dockerfilePath', install: 'installCommand', build: 'buildCommand', output: 'outputDirectory', start: 'startCommand' } as const;

// A builder that is chosen is one of the API's, or a language.
const builderOf = (chosen: string): { builder: 'AUTO' | 'DOCKERFILE' | 'STATIC'; language?: string } =>
  chosen === 'DOCKERFILE' || chosen === 'STATIC' ? { builder: chosen } : { builder: 'AUTO', language: chosen };

// settingsOf are the settings that were said; the others stay as they are
// detected, and so does one that says what is detected.
export function settingsOf(draft: Draft, d?: Detection) {
  const said = fieldsOf(draft, d).filter((key) => isSaid(draft, d, key));
  const texts = Object.fromEntries(
    said.flatMap((key) => (key === 'builder' || key === 'port' ? [] : [[settings[key], draft[key]?.trim() ?? '']])),
  ) as Partial<Record<(typeof settings)[keyof typeof settings], string>>;
  const builder = said.includes('builder') ? draft.builder : null;
  return {
    ...texts,
    ...(builder && builderOf(builder)),
    ...(said.includes('port') && { port: Number(draft.port) }),
    ...(draft.kind === 'CRON' && draft.cron.trim() && { cron: draft.cron.trim() }),
    ...(draft.kind === 'CRON' && draft.timeZone.trim() && { timeZone: draft.timeZone.trim() }),
  };
}
