import { expect, test } from 'vitest';
import { relatively, stopwatch } from './duration';

test('times are told as people do', () => {
  const now = Date.UTC(2026, 10, 29, 12);
  const ago = (s: number) => relatively(now - s * 1000, now);
  expect([ago(2), ago(42), ago(60 * 5), ago(3600 * 3), ago(86400), ago(86400 * 45)]).toEqual([
    'just now',
    '42s ago',
    '5m ago',
    '3h ago',
    '1d ago',
    '1mo ago',
  ]);
});

test('a stopwatch shows parts of a second only once it stands', () => {
  expect([stopwatch(340), stopwatch(4240), stopwatch(42_400), stopwatch(65_000), stopwatch(3_780_000)]).toEqual([
    '340 ms',
    '4.2 s',
    '42 s',
    '1 m 05 s',
    '1 h 03 m',
  ]);
  expect([stopwatch(340, true), stopwatch(4999, true)]).toEqual(['0 s', '4 s']);
});
