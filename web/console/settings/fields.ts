import { languages } from '../create/build';
import type { Texts, TextKey, Values } from './values';

export type Spec = {
  key: TextKey;
  label: string;
  hint?: string;
  placeholder?: string;
  choices?: [string, string][];
  numeric?: boolean;
  plain?: boolean; // no code
  long?: boolean; // several lines
  zones?: boolean; // a time zone
  when?: (v: Texts) => boolean; // it means something
};

export type Group = { title: string; hint?: string; fields: Spec[]; also?: 'processes' | 'files' | 'cron' | 'access' };

type About = { kind: string; source: string | undefined };

const docker = (v: Texts) => v.builder === 'DOCKERFILE' || v.builder === '';
const toolchain = (v: Texts) => v.builder !== 'DOCKERFILE';
const checked = (v: Texts) => v.check !== 'NONE';

const builders: [string, string][] = [
  ['', 'As detected'], ['DOCKERFILE', 'A Dockerfile'], ['STATIC', 'Static files, that are there or that a build makes'], ...languages,
];

const buildFields: Spec[] = [
  { key: 'builder', label: 'Builder', choices: builders },
  { key: 'languageVersion', label: 'Version of the language', placeholder: 'as the source says', hint: 'Such as 22, 3.12 or >=20.', when: (v) => v.builder !== 'DOCKERFILE' && v.builder !== 'STATIC' },
  { key: 'dockerfile', label: 'Dockerfile', when: docker },
  { key: 'dockerTarget', label: 'Stage of the Dockerfile', placeholder: 'the last', when: docker },
  { key: 'install', label: 'Install command', placeholder: 'as detected', when: toolchain },
  { key: 'build', label: 'Build command', placeholder: 'as detected', when: toolchain },
  { key: 'packages', label: 'Debian packages', hint: 'Installed for the build and in the image that runs.', placeholder: 'none', when: toolchain },
];

const output: Spec = { key: 'output', label: 'Output directory', placeholder: 'as detected', when: toolchain };
const args: Spec = { key: 'buildArgs', label: 'Build arguments', hint: 'NAME=VALUE, one a line. They are no place for secrets: those are variables.', long: true };

const cronFields: Spec[] = [
  { key: 'cron', label: 'Schedule', placeholder: 'never by itself', hint: 'Minute, hour, day of the month, month, day of the week: 30 4 * * 1-5.' },
  { key: 'timeZone', label: 'Time zone', plain: true, zones: true },
  { key: 'overlap', label: 'While an earlier run goes on', choices: [['SKIP', 'It is left out'], ['ALLOW', 'Both run'], ['REPLACE', 'The earlier one is canceled']] },
];

const limits: Spec[] = [
  { key: 'cpu', label: 'CPU', hint: 'Cores of one replica.', numeric: true },
  { key: 'memory', label: 'Memory', hint: 'MiB of one replica.', numeric: true },
];

const health: Spec[] = [
  {
    key: 'check', label: 'Health check',
    choices: [['HTTP', 'A request to a path'], ['TCP', 'A connection to the port'], ['COMMAND', 'A command inside the replica'], ['NONE', 'None: what runs is well']],
  },
  { key: 'checkPath', label: 'Path', placeholder: '/', when: (v) => v.check === 'HTTP' },
  { key: 'checkCodes', label: 'Good statuses', placeholder: '200-399', when: (v) => v.check === 'HTTP' },
  { key: 'checkPort', label: 'Port of the check', placeholder: 'that of the service', numeric: true, when: (v) => v.check === 'HTTP' || v.check === 'TCP' },
  { key: 'checkCommand', label: 'Command of the check', hint: 'Exit code 0 is well. No shell sees it.', placeholder: 'pg_isready -q', when: (v) => v.check === 'COMMAND' },
  { key: 'startPeriod', label: 'Time to start', hint: 'Seconds to the first good check.', numeric: true, when: checked },
  { key: 'interval', label: 'Between two checks', hint: 'Seconds.', numeric: true, when: checked },
  { key: 'timeout', label: 'Time of a check', hint: 'Seconds one may take.', numeric: true, when: checked },
  { key: 'threshold', label: 'Good checks', hint: 'In a row, until a replica is healthy.', numeric: true, when: checked },
];

const ending: Spec[] = [
  { key: 'restart', label: 'When a replica ends', choices: [['ALWAYS', 'Start it again'], ['ON_FAILURE', 'Start it again unless it ended well'], ['NEVER', 'Let it be']] },
  { key: 'retries', label: 'Restarts in a row', hint: '0 for no limit.', numeric: true, when: (v) => v.restart !== 'NEVER' },
  { key: 'drain', label: 'Time to drain', hint: 'Seconds a replaced replica may finish its requests.', numeric: true },
];

// groupsOf are the settings that mean something for a service.
export function groupsOf({ kind, source }: About): Group[] {
  const image = source === 'ImageSource';
  const site = kind === 'STATIC_SITE';
  const general: Spec[] = [{ key: 'name', label: 'Name', hint: 'Host names stay as they are.', plain: true }];
  if (image) general.push({ key: 'image', label: 'Image' });
  if (source === 'GitSource') {
    general.push(
      { key: 'repository', label: 'Repository' },
      { key: 'ref', label: 'Branch, tag or commit', placeholder: 'the default branch' },
      { key: 'root', label: 'Root directory', placeholder: 'all of it' },
    );
  }
  const release: Spec[] = [
    {
      key: 'release', label: 'Before it goes live', hint: 'Runs once in each deployment, such as a migration. If it fails nothing changes.',
      choices: [['', 'As a Procfile says'], ['own', 'Run a command'], ['none', 'Run nothing']],
    },
    { key: 'preDeploy', label: 'Pre-deploy command', hint: 'Split into words; no shell sees them.', placeholder: './manage.py migrate', when: (v) => v.release === 'own' },
  ];
  const start: Spec = { key: 'start', label: 'Start command', hint: 'Split into words; no shell sees them.', placeholder: image ? 'as the image says' : 'as detected' };
  const port: Spec = { key: 'port', label: 'Port', hint: 'Given to it as PORT.', placeholder: 'as the image says, else 8080', numeric: true };
  const runs = kind === 'WEB' || kind === 'WORKER';
  const groups: Group[] = [{ title: 'General', hint: 'In every environment; a new source counts from the next deployment on.', fields: general, ...(source === 'GitSource' && { also: 'access' as const }) }];
  if (!image) groups.push({ title: 'Build', fields: [...buildFields, ...(site ? [output] : []), args] });
  if (kind === 'CRON') groups.push({ title: 'Schedule', fields: cronFields, also: 'cron' });
  if (!site) groups.push({ title: 'Run', fields: [start, ...(kind === 'WEB' ? [port] : []), ...release, ...limits] });
  if (runs) groups.push({ title: 'Processes', hint: 'What runs beside it, of the same image. Nothing is sent to them.', fields: [], also: 'processes' });
  if (!site) groups.push({ title: 'Config files', hint: 'Put into each container before it starts. What they hold is write-only.', fields: [], also: 'files' });
  if (runs) groups.push({ title: 'Health', fields: [...health, ...ending] });
  return groups;
}

// settled is what is to be changed: what means nothing any more stays as it was.
export function settled(groups: readonly Group[], before: Values, after: Values): Values {
  const out = { ...after };
  for (const { fields } of groups) for (const f of fields) if (f.when && !f.when(after)) out[f.key] = before[f.key];
  return out;
}
