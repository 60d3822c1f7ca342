import { describe, expect, it } from 'vitest';
import { diffSettings, diffVariables } from './diff';
import { remedyOf } from './remedy';

describe('diffSettings', () => {
  it('names what is different by its path, and nothing else', () => {
    const before = { port: 80, healthCheck: { path: '/', kind: 'HTTP' }, packages: [], startCommand: null, buildArgs: [{ key: 'A', value: '1' }] };
    const after = { port: 81, healthCheck: { path: '/up', kind: 'HTTP' }, packages: ['git'], buildArgs: [{ key: 'A', value: '1' }] };
    expect(diffSettings(before, after)).toEqual([
      { name: 'healthCheck.path', before: '/', after: '/up' },
      { name: 'packages', before: null, after: '["git"]' },
      { name: 'port', before: '80', after: '81' },
    ]);
  });
});

it('says durations as people do, and leaves alone what only looks like one', () => {
  const after = { drainTimeout: 'PT1H0M1.5S', healthCheck: { startPeriod: 'PT30S' }, startCommand: 'PT', cron: 'PTS' };
  expect(diffSettings({}, after).map((d) => d.after)).toEqual(['PTS', '1 h 0 m 1.5 s', '30 s', 'PT']);
});

describe('diffVariables', () => {
  const variable = (name: string, digest: string, secret = false) => ({ name, digest, secret, scope: 'SERVICE' as const });
  it('says what is added, removed and changed', () => {
    const before = [variable('SAME', '1'), variable('GONE', '1', true), variable('OTHER', '1')];
    const after = [variable('SAME', '1'), variable('NEW', '1'), variable('OTHER', '2')];
    expect(diffVariables(before, after)).toEqual([
      { name: 'GONE', secret: true, change: 'removed' },
      { name: 'NEW', secret: false, change: 'added' },
      { name: 'OTHER', secret: false, change: 'changed' },
    ]);
  });
});

describe('remedyOf', () => {
  it.each([
    ['redeploy', { code: 'REGISTRY_UNAVAILABLE', domain: 'UPSTREAM', retryable: true, hint: null }],
    ['settings', { code: 'APP_NOT_LISTENING', domain: 'USER', retryable: false, hint: 'Listen on the port in PORT, or set the port.' }],
    ['variables', { code: 'APP_EXITED', domain: 'USER', retryable: false, hint: 'The variable DATABASE_URL is not set.' }],
    ['logs', { code: 'BUILD_FAILED', domain: 'USER', retryable: false, hint: null }],
  ] as const)('offers %s first for %o', (remedy, failure) => {
    expect(remedyOf(failure)).toBe(remedy);
  });
});
