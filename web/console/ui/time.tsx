import { useSyncExternalStore } from 'react';
import { exactly, relatively, stopwatch } from './duration';

const watchers = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;
let second = Math.floor(Date.now() / 1000);

// One clock for all times of a page, which runs while somebody looks at one.
function onTick(watcher: () => void) {
  watchers.add(watcher);
  timer ??= setInterval(() => {
    second = Math.floor(Date.now() / 1000);
    for (const w of watchers) w();
  }, 1000);
  return () => {
    watchers.delete(watcher);
    if (watchers.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

// useNow is the present second, in milliseconds since 1970.
export const useNow = () => useSyncExternalStore(onTick, () => second) * 1000;

// Time says how long ago something was, and exactly when on hover. What is ahead
// is in so long; elsewhere a clock that is behind the server's makes nothing so.
export function Time({ at, ahead = false, className }: { at: string; ahead?: boolean; className?: string }) {
  const date = new Date(at);
  const words = useSyncExternalStore(onTick, () => relatively(date.getTime(), ahead ? second * 1000 : Math.max(second * 1000, date.getTime())));
  return (
    <time dateTime={at} title={exactly(date)} className={className}>
      {words}
    </time>
  );
}

// Elapsed counts the seconds from one instant to another, or to now.
export function Elapsed({ from, to, className }: { from: string; to?: string | null; className?: string }) {
  const start = new Date(from).getTime();
  const end = to ? new Date(to).getTime() : null;
  const words = useSyncExternalStore(onTick, () => stopwatch((end ?? Math.max(Date.now(), start)) - start, end === null));
  return <span className={cxTabular(className)}>{words}</span>;
}

const cxTabular = (className?: string) => (className ? `tabular-nums ${className}` : 'tabular-nums');
