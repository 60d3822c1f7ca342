import { expect, test } from 'vitest';
import { groupsOf, settled } from './fields';
import { inputOf, serviceInputOf } from './form';
import type { SettingsData } from './operations';
import { fileProblem, isFine, problemsOf, processProblem } from './problems';
import { changed, envText, said, valuesOf } from './values';

const data = {
  id: 'ins_1',
  version: 3,
  nextCronRunAt: null,
  settings: {
    builder: 'AUTO', language: null, languageVersion: null, dockerfilePath: 'Dockerfile', dockerTarget: null, buildArgs: [{ key: 'A', value: 'b c' }], packages: ['git'],
    processes: [{ name: 'worker', command: 'npm run worker', replicas: 2 }], configFiles: [{ path: '/etc/app.conf', mode: 0o640, size: 12, digest: 'd' }],
    installCommand: null, buildCommand: 'make', outputDirectory: null, startCommand: null, preDeployCommand: null, port: 8080, cron: null, timeZone: 'UTC', cronOverlap: 'SKIP',
    healthCheck: { kind: 'HTTP', successCodes: '200-399', path: '/', port: null, command: [], interval: 'PT10S', timeout: 'PT5S', startPeriod: 'PT1M30S', healthyThreshold: 1 },
    resources: { cpuMillis: 500, memoryBytes: 512 * 1024 * 1024 }, restartPolicy: 'ALWAYS', restartMaxRetries: 0, drainTimeout: 'PT30S',
  },
  service: { id: 'svc_1', version: 1, name: 'web', kind: 'WEB', source: { __typename: 'GitSource', repository: 'https://x/y', ref: 'main', rootDirectory: null, credential: null } },
} satisfies SettingsData;

const before = valuesOf(data);

test('only what differs is asked for', () => {
  expect(before).toMatchObject({ startPeriod: '90', drain: '30', cpu: '0.5', memory: '512', port: '8080', build: 'make', packages: 'git', buildArgs: 'A="b c"' });
  const after = { ...before, build: '', port: '3000', cpu: '1.5', release: 'own', preDeploy: `rake 'db migrate'` };
  expect(changed(before, after).sort()).toEqual(['build', 'cpu', 'port', 'preDeploy', 'release']);
  expect(inputOf(before, after)).toEqual({
    buildCommand: null,
    port: 3000,
    preDeployCommand: ['rake', 'db migrate'],
    resources: { cpuMillis: 1500, memoryBytes: 512 * 1024 * 1024 },
  });
  expect(inputOf(before, before)).toEqual({});
  expect(serviceInputOf(before, after)).toBeNull();
});

test('a source changes whole, a name alone', () => {
  expect(serviceInputOf(before, { ...before, ref: '' })).toEqual({
    source: { git: { repository: 'https://x/y', ref: null, rootDirectory: null, generateDeployKey: false } },
  });
  expect(serviceInputOf(before, { ...before, name: 'front' })).toEqual({ name: 'front' });
});

test('a health check changes whole, so that nothing of it falls back to its default', () => {
  expect(inputOf(before, { ...before, interval: '20' })).toEqual({
    healthCheck: { kind: 'HTTP', path: '/', successCodes: '200-399', port: null, startPeriod: 'PT90S', interval: 'PT20S', timeout: 'PT5S', healthyThreshold: 1 },
  });
  expect(inputOf(before, { ...before, check: 'COMMAND', checkCommand: 'pg_isready -q' })).toMatchObject({ healthCheck: { kind: 'COMMAND', command: ['pg_isready', '-q'] } });
});

test('before it goes live there is what a Procfile says, a command, or nothing', () => {
  const own = { ...before, release: 'own', preDeploy: 'true' };
  expect(inputOf(before, { ...before, release: 'none' })).toEqual({ preDeployCommand: [] });
  expect(inputOf(own, before)).toEqual({ preDeployCommand: null });
  expect(valuesOf({ ...data, settings: { ...data.settings, preDeployCommand: [] } }).release).toBe('none');
});

test('a builder is one of the API, or a language', () => {
  expect(inputOf(before, { ...before, builder: 'DOCKERFILE' })).toEqual({ builder: 'DOCKERFILE', language: null });
  expect(inputOf(before, { ...before, builder: 'python', languageVersion: '3.12' })).toEqual({ builder: null, language: 'python', languageVersion: '3.12' });
});

test('processes and files are sent as a whole, and what a file holds only if it is new', () => {
  const processes = [...before.processes, { name: 'clock', command: 'clockwork', replicas: '1' }];
  expect(inputOf(before, { ...before, processes })).toEqual({
    processes: [{ name: 'worker', command: 'npm run worker', replicas: 2 }, { name: 'clock', command: 'clockwork', replicas: 1 }],
  });
  const files = [...before.files, { path: '/etc/b', mode: '600', content: 'x', size: null }];
  expect(inputOf(before, { ...before, files })).toEqual({ configFiles: [{ path: '/etc/app.conf', mode: 0o640 }, { path: '/etc/b', mode: 0o600, content: 'x' }] });
  expect(said({ ...before, processes }, 'processes')).toBe('worker: npm run worker ×2; clock: clockwork ×1');
  expect(inputOf(before, { ...before, buildArgs: 'A=1\nB="x y"', packages: 'git, curl' })).toEqual({ buildArgs: [{ key: 'A', value: '1' }, { key: 'B', value: 'x y' }], packages: ['git', 'curl'] });
});

test('what means nothing any more is not changed', () => {
  const groups = groupsOf({ kind: 'WEB', source: 'GitSource' });
  const after = { ...before, check: 'NONE', checkPath: '/health', preDeploy: 'x' };
  expect(changed(before, settled(groups, before, after))).toEqual(['check']);
});

test('what is wrong is said before it is sent', () => {
  expect(isFine(before)).toBe(true);
  expect(problemsOf({ ...before, port: '70000', check: 'COMMAND', release: 'own', preDeploy: 'a "b', buildArgs: 'x' })).toMatchObject({
    port: 'A port is a number from 1 to 65535.', checkCommand: 'Say which command.', preDeploy: 'A quote is not closed.', buildArgs: expect.stringContaining('Line 1') as string,
  });
  const worker = { name: 'worker', command: 'x', replicas: '1' };
  for (const p of [{ ...worker, name: 'web' }, { ...worker, command: '' }, { ...worker, replicas: '51' }, { ...worker, replicas: '' }, { ...worker, name: 'a b' }]) {
    expect(processProblem({ ...before, processes: [p] }, 0)).not.toBeNull();
  }
  expect(processProblem({ ...before, processes: [worker, worker] }, 1)).toBe('There is another of this name.');
  const file = { path: '/a', mode: '644', content: '', size: null };
  for (const f of [{ ...file, path: 'a' }, { ...file, path: '/a/../b' }, { ...file, path: '/a/' }, { ...file, mode: '9' }, { ...file, content: 'x'.repeat(65_537) }]) {
    expect(fileProblem({ ...before, files: [f] }, 0)).not.toBeNull();
  }
  expect(fileProblem({ ...before, files: [file] }, 0)).toBeNull();
});

test('a text of arguments gives the same arguments', () => {
  const list = [{ key: 'A', value: 'a "b" \\c' }, { key: 'B', value: '' }, { key: 'C', value: 'x#y' }];
  expect(inputOf(before, { ...before, buildArgs: envText(list) })).toEqual({ buildArgs: list });
});
