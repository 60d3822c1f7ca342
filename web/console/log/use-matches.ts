import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react';
import { Matches, type MatchCount } from './matches';
import type { RowRef } from './seek';
import type { LogStore } from './store';

const pause = 150; // milliseconds from one look at what is new to the next

// useMatches counts in the background how many lines a mark is found in, null for
// no mark.
export function useMatches(store: LogStore, mark: RegExp | null, active: RowRef | null): MatchCount | null {
  const view = useSyncExternalStore(store.subscribe, store.snapshot);
  const matches = useMemo(() => mark && new Matches(mark), [mark]);
  const [count, setCount] = useState<{ of: Matches; is: MatchCount } | null>(null);
  const waiting = useRef<ReturnType<typeof setTimeout>>(undefined);

  useEffect(() => {
    if (!matches) return;
    const look = () => {
      waiting.current = undefined;
      const done = matches.look(store.rows);
      const more = store.older !== 'none' || store.newer !== 'none';
      setCount({ of: matches, is: matches.count(store.rows, active, more || !done) });
      if (!done) waiting.current = setTimeout(look, 0);
    };
    waiting.current ??= setTimeout(look, pause);
  }, [store, view, matches, active]);
  useEffect(() => () => {
    clearTimeout(waiting.current);
    waiting.current = undefined;
  }, [matches, active]);
  return count && count.of === matches ? count.is : null;
}

// countText says it in few words: "3 of 120", "120 lines", "120+ lines".
export function countText({ total, at, whole }: MatchCount): string {
  const all = `${total.toLocaleString()}${whole ? '' : '+'}`;
  if (at !== null) return `${at.toLocaleString()} of ${all}`;
  return total === 0 && whole ? 'None' : `${all} ${total === 1 && whole ? 'line' : 'lines'}`;
}
