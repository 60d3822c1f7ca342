// The settings of a service as one types them.
import { words } from '../shell/copy-text';
import type { SettingsData } from './operations';

export type Process = { name: string; command: string; replicas: string };

// File is a config file. What it holds is write-only: null is what it holds so
// far. The mode is in octal digits.
export type File = { path: string; mode: string; content: string | null; size: number | null };

// Texts are the settings that are one text each; '' is the default.
export type Texts = {
  name: string;
  repository: string;
  ref: string;
  root: string;
  image: string;
  builder: string; // DOCKERFILE, STATIC, or a language
  languageVersion: string;
  dockerfile: string;
  dockerTarget: string;
  install: string;
  build: string;
  output: string;
  packages: string;
  buildArgs: string; // NAME=VALUE, one a line
  start: string;
  release: string; // '', none or own
  preDeploy: string;
  port: string;
  cron: string;
  timeZone: string;
  overlap: string;
  check: string;
  checkPath: string;
  checkCodes: string;
  checkPort: string;
  checkCommand: string;
  startPeriod: string;
  interval: string;
  timeout: string;
  threshold: string;
  cpu: string;
  memory: string;
  restart: string;
  retries: string;
  drain: string;
};

export type Values = Texts & { processes: Process[]; files: File[] };

export type Key = keyof Values;
export type TextKey = keyof Texts;

export const mebi = 1024 * 1024;

const seconds = (iso: string) => {
  const m = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?$/.exec(iso);
  if (!m) return '';
  const [d = 0, h = 0, min = 0, s = 0] = m.slice(1).map((part) => Number(part || 0)); // a part that is absent is undefined
  return String(d * 86_400 + h * 3600 + min * 60 + s);
};

const number = (n: number | null) => (n === null ? '' : String(n));

// envText is a list of names and values as the .env format has it.
export const envText = (list: readonly { key: string; value: string }[]) =>
  list.map(({ key, value }) => `${key}=${/^[^\s"'#\\]*$/.test(value) ? value : `"${value.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n')}"`}`).join('\n');

// valuesOf are the settings that are in force.
export function valuesOf({ settings: s, service }: SettingsData): Values {
  const git = service.source?.__typename === 'GitSource' ? service.source : undefined;
  const check = s.healthCheck;
  return {
    name: service.name,
    repository: git?.repository ?? '',
    ref: git?.ref ?? '',
    root: git?.rootDirectory ?? '',
    image: service.source?.__typename === 'ImageSource' ? service.source.image : '',
    builder: s.builder === 'AUTO' ? (s.language ?? '') : s.builder,
    languageVersion: s.languageVersion ?? '',
    dockerfile: s.dockerfilePath,
    dockerTarget: s.dockerTarget ?? '',
    install: s.installCommand ?? '',
    build: s.buildCommand ?? '',
    output: s.outputDirectory ?? '',
    packages: s.packages.join(' '),
    buildArgs: envText(s.buildArgs),
    start: s.startCommand ?? '',
    release: s.preDeployCommand === null ? '' : s.preDeployCommand.length > 0 ? 'own' : 'none',
    preDeploy: words(s.preDeployCommand ?? []),
    port: number(s.port),
    cron: s.cron ?? '',
    timeZone: s.timeZone,
    overlap: s.cronOverlap,
    check: check.kind,
    checkPath: check.path ?? '',
    checkCodes: check.successCodes ?? '',
    checkPort: number(check.port),
    checkCommand: words(check.command),
    startPeriod: seconds(check.startPeriod),
    interval: seconds(check.interval),
    timeout: seconds(check.timeout),
    threshold: String(check.healthyThreshold),
    cpu: String(s.resources.cpuMillis / 1000),
    memory: String(Math.round(s.resources.memoryBytes / mebi)),
    restart: s.restartPolicy,
    retries: String(s.restartMaxRetries),
    drain: seconds(s.drainTimeout),
    processes: s.processes.map((p) => ({ ...p, replicas: String(p.replicas) })),
    files: s.configFiles.map((f) => ({ path: f.path, mode: f.mode.toString(8), content: null, size: f.size })),
  };
}

// changed are the settings that differ. The command of a release counts where it is run.
export const changed = (before: Values, after: Values): Key[] =>
  (Object.keys(before) as Key[]).filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]));

// said is a setting in few words, to show what a change does.
export function said(values: Values, key: Key): string {
  if (key === 'processes') return values.processes.map((p) => `${p.name}: ${p.command} ×${p.replicas}`).join('; ');
  if (key === 'files') return values.files.map((f) => `${f.path} (${f.mode}${f.content === null ? '' : ', new content'})`).join('; ');
  if (key === 'release') return { '': '', none: 'nothing', own: 'a command' }[values.release] ?? '';
  return values[key];
}
