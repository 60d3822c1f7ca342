import { expect, test } from 'vitest';
import { counted, wished } from './scale';

const replica = (process: string | null, status = 'RUNNING') => ({ process, status });

test('a service is scaled by itself, the processes of its settings, and those of its image', () => {
  const instance = { settings: { replicas: 2 }, replicas: [replica(null), replica(null), replica('worker'), replica('clock'), replica('clock', 'REMOVED')] };
  expect(counted(instance, [{ name: 'worker', replicas: 3 }])).toEqual([
    { process: 'web', replicas: 2, least: 1 },
    { process: 'worker', replicas: 3, least: 0 },
    { process: 'clock', replicas: 1, least: 0 },
  ]);
});

test('only what differs is scaled, and nothing by what is no number', () => {
  const shares = [{ process: 'web', replicas: 2, least: 1 }, { process: 'worker', replicas: 1, least: 0 }];
  expect(wished(shares, { web: '2', worker: '0' })).toEqual([{ process: 'worker', replicas: 0 }]);
  for (const web of ['0', '51', '1.5', '', 'x']) expect(wished(shares, { web })).toBeNull();
});
