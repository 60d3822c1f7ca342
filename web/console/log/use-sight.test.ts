import { act, cleanup, renderHook } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { useSight } from './use-sight';

beforeEach(() => { vi.useFakeTimers(); });
afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

it('draws where one is, though one moved on right before one was known to rest', () => {
  const { result } = renderHook(() => useSight(1000, 0, null));
  act(() => { result.current.moved(0, -5000); });
  expect(result.current).toMatchObject({ sight: [0, 1170], hurried: true });
  act(() => {
    result.current.moved(700, 700);
    vi.advanceTimersByTime(100); // before it is drawn
  });
  expect(result.current).toMatchObject({ sight: [680 - 204, 680 + 1170 + 204], hurried: false });
});

it('draws more around once one rests', () => {
  const { result } = renderHook(() => useSight(1000, 0, null));
  act(() => { result.current.moved(1700, 1700); });
  expect(result.current.sight).toEqual([1700, 2870]);
  act(() => { vi.advanceTimersByTime(100); });
  expect(result.current).toMatchObject({ sight: [1700 - 204, 2870 + 204], hurried: false });
});
