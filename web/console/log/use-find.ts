// Looking for a text in the rows of a log, one match after the other.

import { useMemo, useRef, useState } from 'react';
import { escapeRegExp } from './filter';
import { findRow, type RowRef } from './seek';
import type { LogStore } from './store';

// findMark is the expression that a find text stands for, null if it is none.
export function findMark(text: string): RegExp | null {
  const regex = /^\/(.+)\/(i?)$/.exec(text);
  try {
    return regex?.[1] ? new RegExp(regex[1], `g${regex[2] ?? ''}`) : new RegExp(escapeRegExp(text), 'gi');
  } catch {
    return null;
  }
}

export type FindState = 'idle' | 'looking' | 'none' | 'invalid';

export function useFind(store: LogStore, text: string, onFound: (ref: RowRef) => void) {
  const [state, setState] = useState<FindState>('idle');
  const running = useRef<AbortController>(null);
  const mark = useMemo(() => (text === '' ? null : findMark(text)), [text]);

  // step goes to the next match after a row, or to the one before it.
  async function step(from: number, by: 1 | -1) {
    running.current?.abort();
    if (text === '') return;
    if (!mark) {
      setState('invalid');
      return;
    }
    const controller = new AbortController();
    running.current = controller;
    setState('looking');
    const found = await findRow(store, mark, from, by, controller.signal).catch(() => null);
    if (controller.signal.aborted) return;
    setState(found ? 'idle' : 'none');
    if (found) onFound(found);
  }

  const stop = () => {
    running.current?.abort();
    setState('idle');
  };

  return { state, mark, step, stop };
}
