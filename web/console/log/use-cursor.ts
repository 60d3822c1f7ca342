// The line a person is at, those that are selected with it, and those that were opened.

import { useCallback, useState } from 'react';
import { stripAnsi } from './ansi';
import { rowKey } from './BlockRows';
import type { Entry } from './entries';
import { refOf, type RowRef, rowOf } from './seek';
import type { LogStore } from './store';

export function useCursor(store: LogStore) {
  const [active, setActive] = useState<RowRef | null>(null);
  const [origin, setOrigin] = useState<RowRef | null>(null); // where the selection began
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const { rows } = store;

  const choose = useCallback((ref: RowRef | null, extend: boolean) => {
    setActive(ref);
    setOrigin((before) => (extend ? (before ?? ref) : ref));
  }, []);

  const toggle = useCallback((id: number, index: number) => {
    setOpen((before) => {
      const after = new Set(before);
      if (!after.delete(rowKey(id, index))) after.add(rowKey(id, index));
      return after;
    });
  }, []);

  // move goes some rows on and returns where that is, null where there is nothing.
  const move = (by: number, fallback: number, extend: boolean): number | null => {
    if (rows.rowCount === 0) return null;
    const from = rowOf(rows, active);
    const row = Math.min(rows.rowCount - 1, Math.max(0, from < 0 ? fallback : from + by));
    choose(refOf(rows, row), extend);
    return row;
  };

  const at = rowOf(rows, active);
  const began = rowOf(rows, origin);
  const selection: [number, number] | null = at >= 0 && began >= 0 && at !== began ? [Math.min(at, began), Math.max(at, began)] : null;

  // selectedIn is the selected part of an entry.
  const selectedIn = (entry: Entry, firstRow: number): [number, number] | null =>
    selection && entry.kind === 'lines' ? [selection[0] - firstRow, selection[1] - firstRow] : null;

  // text is what copying gives: what is selected, or the line.
  const text = async (signal: AbortSignal): Promise<string> => {
    const [first, last] = selection ?? [at, at];
    if (first < 0) return '';
    const parts: string[] = [];
    for (let i = rows.entryOfRow(first); i <= rows.entryOfRow(last); i++) {
      const entry = rows.list[i];
      if (entry?.kind !== 'lines') continue;
      const start = rows.firstRow(i);
      const lines = await store.linesOf(entry, signal);
      parts.push(...lines.slice(Math.max(0, first - start), last - start + 1).map((line) => stripAnsi(line.message)));
    }
    return parts.join('\n');
  };

  return { active, at, selection, open, choose, toggle, move, selectedIn, text };
}
