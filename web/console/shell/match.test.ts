import { expect, test } from 'vitest';
import { rank } from './match';

test('every word that was typed is in what fits', () => {
  expect(rank('web: logs Shop', 'logs web')).toBeGreaterThanOrEqual(0);
  expect(rank('web: logs Shop', 'logs api')).toBe(-1);
  expect(rank('anything', '')).toBe(0);
});

test('the beginning of a word is better than its middle', () => {
  expect(rank('docs', 'do')).toBeLessThan(rank('sudo', 'do'));
  expect(rank('blue web', 'we')).toBeLessThan(rank('bowed', 'we'));
});
