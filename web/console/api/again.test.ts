import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { again } from './again';

type Sink = Parameters<typeof again<number>>[1];

const away = [{ message: 'The database does not answer.', extensions: { code: 'UNAVAILABLE', retryable: true } }];
const gone = [{ message: 'There is no such object.', extensions: { code: 'NOT_FOUND', retryable: false } }];

beforeEach(() => { vi.useFakeTimers(); });
afterEach(() => { vi.useRealTimers(); });

function watch() {
  const asked: Sink[] = [];
  const ended = vi.fn();
  const sink = { next: vi.fn(), error: vi.fn(), complete: vi.fn() };
  const stop = again<number>((s) => {
    asked.push(s);
    return ended;
  }, sink);
  return { asked, ended, sink, stop };
}

test('what is ended for now begins anew, later each time until something comes', () => {
  const { asked, sink } = watch();
  for (let n = 1; n <= 8; n++) {
    asked.at(-1)?.error(away);
    vi.advanceTimersByTime(200);
    expect(asked).toHaveLength(n);
    vi.advanceTimersByTime(12_500);
    expect(asked).toHaveLength(n + 1);
  }
  asked.at(-1)?.next(7);
  asked.at(-1)?.error(away);
  vi.advanceTimersByTime(400);
  expect(asked).toHaveLength(10);
  expect(sink.next.mock.calls).toEqual([[7]]);
  expect(sink.error).not.toHaveBeenCalled();
});

test('what is ended for good is told', () => {
  for (const error of [gone, [...away, ...gone], [], new Error('the line is cut')]) {
    const { asked, sink } = watch();
    asked[0]?.error(error);
    vi.advanceTimersByTime(60_000);
    expect(sink.error.mock.calls).toEqual([[error]]);
    expect(asked).toHaveLength(1);
  }
  const { asked, sink } = watch();
  asked[0]?.complete();
  expect(sink.complete).toHaveBeenCalledOnce();
});

test('who left is not subscribed again', () => {
  const { asked, ended, stop } = watch();
  asked[0]?.error(away);
  stop();
  vi.advanceTimersByTime(60_000);
  expect(asked).toHaveLength(1);
  expect(ended).toHaveBeenCalledOnce();
});
