import type { VariablesOf } from '../api/graphql';
import { split } from '../shell/copy-text';
import { parseEnv } from '../variable/env-file';
import type { updateInstance } from './operations';
import { changed, mebi, type Key, type Values } from './values';

export type SettingsInput = VariablesOf<typeof updateInstance>['input']['settings'];

const checks = ['HTTP', 'TCP', 'COMMAND', 'NONE'] as const;
const policies = ['ALWAYS', 'ON_FAILURE', 'NEVER'] as const;
const overlaps = ['SKIP', 'ALLOW', 'REPLACE'] as const;
const builders = ['DOCKERFILE', 'STATIC', 'IMAGE'] as const;
const orNull = (text: string) => text.trim() || null;
const numberOrNull = (text: string) => (text.trim() ? Number(text) : null);
const inSeconds = (text: string) => (text.trim() ? `PT${text.trim()}S` : null);

const checkKeys: Key[] = ['check', 'checkPath', 'checkCodes', 'checkPort', 'checkCommand', 'startPeriod', 'interval', 'timeout', 'threshold'];

// A health check is changed as a whole: what is absent of it is the default.
const checkOf = (v: Values) => ({
  kind: checks.find((k) => k === v.check) ?? 'HTTP',
  ...(v.check === 'HTTP' && { path: orNull(v.checkPath), successCodes: orNull(v.checkCodes) }),
  ...((v.check === 'HTTP' || v.check === 'TCP') && { port: numberOrNull(v.checkPort) }),
  ...(v.check === 'COMMAND' && { command: split(v.checkCommand) ?? [] }),
  startPeriod: inSeconds(v.startPeriod),
  interval: inSeconds(v.interval),
  timeout: inSeconds(v.timeout),
  healthyThreshold: numberOrNull(v.threshold),
});

const preDeployOf = (v: Values) => (v.release === 'own' ? (split(v.preDeploy) ?? []) : v.release === 'none' ? [] : null);

function buildOf(v: Values, has: (...some: Key[]) => boolean): SettingsInput {
  const builder = builders.find((b) => b === v.builder) ?? null;
  return {
    ...(has('builder') && { builder, language: builder ? null : orNull(v.builder) }),
    ...(has('languageVersion') && { languageVersion: orNull(v.languageVersion) }),
    ...(has('dockerfile') && { dockerfilePath: orNull(v.dockerfile) }),
    ...(has('dockerTarget') && { dockerTarget: orNull(v.dockerTarget) }),
    ...(has('install') && { installCommand: orNull(v.install) }),
    ...(has('build') && { buildCommand: orNull(v.build) }),
    ...(has('output') && { outputDirectory: orNull(v.output) }),
    ...(has('packages') && { packages: v.packages.split(/[\s,]+/).filter(Boolean) }),
    ...(has('buildArgs') && { buildArgs: parseEnv(v.buildArgs).pairs.map(({ name, value }) => ({ key: name, value })) }),
  };
}

// inputOf is what the API is asked to change: only what differs, null for what
// was emptied.
export function inputOf(before: Values, after: Values): SettingsInput {
  const keys = changed(before, after);
  const has = (...some: Key[]) => some.some((key) => keys.includes(key));
  return {
    ...buildOf(after, has),
    ...(has('start') && { startCommand: orNull(after.start) }),
    ...(JSON.stringify(preDeployOf(before)) !== JSON.stringify(preDeployOf(after)) && { preDeployCommand: preDeployOf(after) }),
    ...(has('port') && { port: numberOrNull(after.port) }),
    ...(has('cron') && { cron: orNull(after.cron) }),
    ...(has('timeZone') && { timeZone: orNull(after.timeZone) }),
    ...(has('overlap') && { cronOverlap: overlaps.find((o) => o === after.overlap) ?? null }),
    ...(has(...checkKeys) && { healthCheck: checkOf(after) }),
    ...(has('cpu', 'memory') && {
      resources: {
        cpuMillis: after.cpu.trim() ? Math.round(Number(after.cpu) * 1000) : null,
        memoryBytes: after.memory.trim() ? Math.round(Number(after.memory) * mebi) : null,
      },
    }),
    ...(has('restart') && { restartPolicy: policies.find((p) => p === after.restart) ?? null }),
    ...(has('retries') && { restartMaxRetries: numberOrNull(after.retries) }),
    ...(has('drain') && { drainTimeout: inSeconds(after.drain) }),
    ...(has('processes') && { processes: after.processes.map((p) => ({ name: p.name.trim(), command: p.command.trim(), replicas: Number(p.replicas) })) }),
    ...(has('files') && {
      configFiles: after.files.map((f) => ({ path: f.path.trim(), mode: parseInt(f.mode, 8), ...(f.content !== null && { content: f.content }) })),
    }),
  };
}

const ofService: Key[] = ['name', 'repository', 'ref', 'root', 'image'];

// serviceInputOf is what changes of the service itself, in all environments.
export function serviceInputOf(before: Values, after: Values) {
  const keys = changed(before, after).filter((key) => ofService.includes(key));
  if (keys.length === 0) return null;
  const source = keys.includes('image')
    ? { image: { image: after.image.trim() } }
    : keys.some((key) => key !== 'name')
      ? { git: { repository: after.repository.trim(), ref: orNull(after.ref), rootDirectory: orNull(after.root), generateDeployKey: false } }
      : null;
  return { ...(keys.includes('name') && { name: after.name.trim() }), ...(source && { source }) };
}
