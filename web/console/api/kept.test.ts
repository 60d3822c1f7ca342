import { cleanup, renderHook } from '@testing-library/react';
import { afterEach, expect, it } from 'vitest';
import { useKept } from './kept';

afterEach(cleanup);

type Answer = { place: string; found?: string | null; doubtful?: boolean };

// seen is what a page shows after each of some answers.
function seen(...answers: Answer[]) {
  const { result, rerender } = renderHook(({ place, found, doubtful = false }: Answer) => useKept(place, found, doubtful), { initialProps: answers[0] });
  return [result.current, ...answers.slice(1).map((answer) => {
    rerender(answer);
    return result.current;
  })];
}

it('keeps what a doubtful answer has lost, until the next one', () => {
  expect(seen(
    { place: 'shop' },
    { place: 'shop', found: 'v1' },
    { place: 'shop', found: null, doubtful: true },
    { place: 'shop', found: 'v2' },
    { place: 'shop', doubtful: true },
  )).toEqual([undefined, 'v1', 'v1', 'v2', 'v2']);
});

it('shows nothing where there is nothing', () => {
  expect(seen({ place: 'shop', found: 'v1' }, { place: 'shop', found: null })).toEqual(['v1', null]);
  expect(seen({ place: 'shop', found: null, doubtful: true })).toEqual([null]);
});

it('shows nothing of another place', () => {
  expect(seen({ place: 'shop', found: 'v1' }, { place: 'port' }, { place: 'port', found: null, doubtful: true }, { place: 'shop', found: null, doubtful: true })).toEqual(['v1', undefined, undefined, null]);
});
