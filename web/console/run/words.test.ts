import { expect, test } from 'vitest';
import { isOver, stateOf, whatRan } from './words';

test('a run says how it ended', () => {
  expect(stateOf({ status: 'FAILED', exitCode: 3 })).toEqual(['bad', 'Exit code 3']);
  expect(stateOf({ status: 'FAILED', exitCode: null })).toEqual(['bad', 'Failed']);
  expect(stateOf({ status: 'SUCCEEDED', exitCode: 0 })[1]).toBe('Succeeded');
  expect((['QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELED'] as const).map((status) => isOver({ status }))).toEqual([false, false, true, true, true]);
});

test('a run is called by its command, or by why it ran', () => {
  expect(whatRan({ command: ['sh', '-c', 'echo a b'], scheduledAt: null })).toBe("sh -c 'echo a b'");
  expect(whatRan({ command: null, scheduledAt: '2026-01-01T00:00:00Z' })).toBe('Scheduled run');
  expect(whatRan({ command: [], scheduledAt: null })).toBe('Run by hand');
});
