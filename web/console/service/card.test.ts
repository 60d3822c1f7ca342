import { expect, it } from 'vitest';
import type { InstanceState } from '../api/instance';
import { replicasOf } from './card';
import { serviceView } from './fixture';

const replica = (over: Partial<InstanceState['replicas'][number]> = {}): InstanceState['replicas'][number] => ({
  id: 'rep_1', process: null, slot: 0, status: 'RUNNING', health: 'HEALTHY', startedAt: null, restarts: 0, lastExitCode: null, oomKilled: false, ...over,
});

it.each([
  [1, [replica()], '1 of 1 replica'],
  [2, [replica(), replica({ health: 'UNHEALTHY' }), replica({ status: 'CRASHED' }), replica({ process: 'worker' })], '1 of 2 replicas'],
  [1, [], '0 of 1 replica'],
])('says how many of %i replicas run', (replicas, there, text) => {
  expect(replicasOf({ ...serviceView().instance, settings: { replicas }, replicas: there })).toBe(text);
});

it('says nothing of replicas where there are none', () => {
  expect(replicasOf(serviceView({ kind: 'STATIC_SITE' }).instance)).toBeNull();
  expect(replicasOf(serviceView({ status: 'NOT_DEPLOYED' }).instance)).toBeNull();
});
