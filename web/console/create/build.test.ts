import { expect, test } from 'vitest';
import { fieldsOf, isSaid, settingsOf, shownAt } from './build';
import { fresh } from './draft';
import type { Detection } from './operations';

const node = {
  builder: 'AUTO', language: 'Node.js', framework: null, runtimeVersion: '22', versionSource: '.nvmrc', packageManager: 'npm 10', installCommand: 'npm ci',
  buildCommand: 'npm run build', startCommand: 'npm start', preDeployCommand: [], packages: [], dockerfile: '', port: 3000, outputDirectory: null, confidence: 1, trace: [], processes: [],
  commit: { sha: 'abc', message: 'x' },
} satisfies Detection;

test('a field shows what was detected, until somebody says otherwise', () => {
  expect(shownAt(fresh, node, 'build')).toBe('npm run build');
  expect(shownAt(fresh, node, 'port')).toBe('3000');
  expect(shownAt(fresh, undefined, 'build')).toBe('');
  const said = { ...fresh, build: 'make' };
  expect([shownAt(said, node, 'build'), isSaid(said, node, 'build')]).toEqual(['make', true]);
});

test('only what differs from what was detected is sent', () => {
  expect(settingsOf(fresh, node)).toEqual({});
  expect(settingsOf({ ...fresh, build: 'npm run build', port: '3000', start: '  ' }, node)).toEqual({});
  expect(settingsOf({ ...fresh, build: 'make', port: '80' }, node)).toEqual({ buildCommand: 'make', port: 80 });
});

test('a builder is what builds, or a language', () => {
  expect(settingsOf({ ...fresh, builder: 'DOCKERFILE', dockerfile: 'docker/web' }, node)).toEqual({ builder: 'DOCKERFILE', dockerfilePath: 'docker/web' });
  expect(settingsOf({ ...fresh, builder: 'python' }, node)).toEqual({ builder: 'AUTO', language: 'python' });
});

test('what means nothing is neither asked nor sent', () => {
  expect(fieldsOf(fresh, node)).toEqual(['builder', 'install', 'build', 'port', 'start']);
  expect(fieldsOf({ ...fresh, from: 'image' }, undefined)).toEqual(['port', 'start']);
  expect(fieldsOf({ ...fresh, kind: 'STATIC_SITE' }, undefined)).toEqual(['builder', 'install', 'build', 'output']);
  expect(fieldsOf(fresh, { ...node, builder: 'DOCKERFILE' })).toEqual(['builder', 'dockerfile', 'port', 'start']);
  expect(settingsOf({ ...fresh, kind: 'STATIC_SITE', port: '80', start: 'x', cron: '* * * * *' })).toEqual({});
  expect(settingsOf({ ...fresh, kind: 'CRON', cron: ' 5 * * * * ', timeZone: 'Europe/Berlin' })).toEqual({ cron: '5 * * * *', timeZone: 'Europe/Berlin' });
});
