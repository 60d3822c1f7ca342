import { expect, it } from 'vitest';
import { count, countOf } from './count';

it('says one of something as one, and all else as many', () => {
  expect([0, 1, 2, 1500].map((n) => count(n, 'replica'))).toEqual(['0 replicas', '1 replica', '2 replicas', '1,500 replicas']);
  expect([1, 2].map((n) => count(n, 'branch', 'branches'))).toEqual(['1 branch', '2 branches']);
});

it('says a part as what all of it are', () => {
  expect([[0, 1], [1, 1], [1, 2], [0, 0]].map(([n = 0, all = 0]) => countOf(n, all, 'replica'))).toEqual([
    '0 of 1 replica', '1 of 1 replica', '1 of 2 replicas', '0 of 0 replicas',
  ]);
});
