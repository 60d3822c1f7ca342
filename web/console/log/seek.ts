// Finding rows: by time, by cursor and by what they say.

import { stripAnsi } from './ansi';
import type { Entry } from './entries';
import type { Line } from './line';
import type { Rows } from './rows';
import type { LogStore } from './store';
import { compareTimes } from './time';

// RowRef names a row, whatever is put before it.
export interface RowRef {
  id: number; // of its entry
  index: number;
}

export const refOf = (rows: Rows, row: number): RowRef | null => {
  const place = rows.place(row);
  return place ? { id: place.entry.id, index: place.index } : null;
};

// rowOf is where a row is now, -1 if it is gone.
export function rowOf(rows: Rows, ref: RowRef | null): number {
  const at = ref ? rows.list.findIndex((entry) => entry.id === ref.id) : -1;
  return ref && at >= 0 ? rows.firstRow(at) + ref.index : -1;
}

// rowAtTime is the first row printed at a time or later, null if that is not
// among the rows.
export function rowAtTime(rows: Rows, time: string): number | null {
  const chunks = rows.list.flatMap((entry, at) => (entry.kind === 'lines' && entry.count > 0 ? [{ entry, at }] : []));
  const next = chunks.findIndex(({ entry }) => compareTimes(entry.firstTime, time) > 0);
  if (next === 0) return null;
  const chunk = chunks.at(next < 0 ? -1 : next - 1);
  if (!chunk) return null;
  const { entry, at } = chunk;
  const within = entry.lines?.findIndex((line) => compareTimes(line.timestamp, time) >= 0) ?? 0;
  if (within < 0) return next < 0 ? null : rows.firstRow(at) + entry.count;
  return rows.firstRow(at) + within;
}

// Permalinks carry a cursor, which finds the line, and its time, which tells it
// from those around it where its cursor was made on another way through the log.
export const permalinkOf = (line: Line) => `${line.cursor}~${line.timestamp}`;

export function readPermalink(link: string): { cursor: string; timestamp: string } | null {
  const [cursor, timestamp] = link.split('~');
  return cursor && timestamp && !Number.isNaN(Date.parse(timestamp)) ? { cursor, timestamp } : null;
}

// rowOfLink is the row a permalink leads to, null if it is not there any more.
export function rowOfLink(rows: Rows, link: { cursor: string; timestamp: string }): number | null {
  let sameTime: number | null = null;
  for (const [at, entry] of rows.list.entries()) {
    if (entry.kind !== 'lines' || !entry.lines) continue;
    for (const [index, line] of entry.lines.entries()) {
      if (line.cursor === link.cursor) return rows.firstRow(at) + index;
      if (line.timestamp === link.timestamp) sameTime ??= rows.firstRow(at) + index;
    }
  }
  return sameTime;
}

// findRow looks for the next row, or the one before, whose text matches: also
// among lines that were dropped, and those not read yet. Null: there is none.
export async function findRow(store: LogStore, mark: RegExp, from: number, step: 1 | -1, signal: AbortSignal): Promise<RowRef | null> {
  const { rows } = store;
  const test = (line: Line) => {
    mark.lastIndex = 0;
    return mark.test(stripAnsi(line.message));
  };
  const place = rows.place(from);
  let at = place ? rows.indexOf(place.entry) : step > 0 ? 0 : rows.list.length - 1;
  let index: number | null = place ? place.index + step : null;
  for (;;) {
    const entry: Entry | undefined = rows.list[at];
    if (signal.aborted) return null;
    if (!entry) {
      const known = step > 0 ? rows.list.at(-1) : rows.list[0];
      const side = step > 0 ? store.newer : store.older;
      if (side === 'none' || side === 'failed') return null;
      await (step > 0 ? store.loadNewer() : store.loadOlder());
      if (known) at = rows.indexOf(known) + step;
      else return null;
      continue;
    }
    if (entry.kind === 'lines') {
      const lines = await store.linesOf(entry, signal);
      for (let i = index ?? (step > 0 ? 0 : lines.length - 1); i >= 0 && i < lines.length; i += step) {
        const line = lines[i];
        if (line && test(line)) return { id: entry.id, index: i };
      }
      at = rows.list.findIndex((e) => e.id === entry.id); // it may have moved meanwhile
    }
    at += step;
    index = null;
  }
}
