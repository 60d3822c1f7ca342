// Makes entries of lines as they come.

import { type Chunk, chunkRows, type Entry, type GapEntry } from './entries';
import type { Gap, Line } from './line';

export type Keep = ((line: Line) => boolean) | null;

// A filter that keeps little must not make chunks that take for ever to fetch again.
const maxRaw = 40 * chunkRows;

// addLines appends lines to a list and returns the index of the first entry
// that changed. `after` is the cursor that they follow, null if nobody knows.
export function addLines(list: Entry[], lines: readonly Line[], keep: Keep, after: string | null, id: () => number): number {
  let changed = list.length;
  let tail = list.at(-1);
  for (const line of lines) {
    const follows: Chunk | null = tail?.kind === 'lines' ? tail : null;
    let chunk: Chunk;
    if (follows?.lines && follows.count < chunkRows && follows.raw < maxRaw) {
      chunk = follows;
      changed = Math.min(changed, list.length - 1);
    } else {
      if (follows) follows.next = line.cursor;
      chunk = emptyChunk(id(), follows ? follows.last : after, line);
      list.push(chunk);
      tail = chunk;
    }
    chunk.raw++;
    chunk.last = line.cursor;
    if (keep && !keep(line)) continue;
    chunk.lines?.push(line);
    chunk.count++;
    chunk.bytes += bytesOf(line);
    chunk.version++;
  }
  return changed;
}

// addGap appends a gap. The line before it gets a chunk of its own that is never
// dropped, so that the others can be: no cursor says where they end.
export function addGap(list: Entry[], gap: Gap, id: () => number) {
  const tail = list.at(-1);
  if (tail?.kind === 'lines' && tail.next === null && tail.raw > 1 && tail.lines) {
    const line = tail.lines.at(-1);
    tail.next = tail.last;
    if (line?.cursor === tail.last) {
      tail.lines.pop();
      tail.count--;
      tail.raw--;
      tail.bytes -= bytesOf(line);
      tail.version++;
      list.push({ ...emptyChunk(id(), null, line), lines: [line], count: 1, raw: 1, bytes: bytesOf(line) });
    }
  }
  list.push(gapEntry(gap, id()));
}

export const gapEntry = (gap: Gap, id: number): GapEntry => ({ kind: 'gap', id, gap, state: 'open', version: 0 });

function emptyChunk(id: number, after: string | null, first: Line): Chunk {
  return {
    kind: 'lines', id, lines: [], count: 0, raw: 0, bytes: 0, after, next: null,
    first: first.cursor, last: first.cursor, firstTime: first.timestamp, version: 0,
  };
}

// About what a line costs: its strings, one byte a character, and the object.
const bytesOf = (line: Line) => line.message.length + line.cursor.length + line.timestamp.length + 120;

// canDrop reports whether the lines of a chunk can be forgotten and fetched again.
export const canDrop = (entry: Entry): entry is Chunk =>
  entry.kind === 'lines' && entry.lines !== null && entry.after !== null && entry.next !== null && entry.count > 0;
