// The rows of a log as a list of entries: chunks of lines, and gaps. A chunk
// whose lines were dropped keeps their number and where they are, so that
// nothing moves. Finding an entry by row or by block takes logarithmic time.

import type { Gap, Line } from './line';

// Blocks are what the viewer virtualizes: 20,000 of them instead of a million rows.
export const blockRows = 50;

// 17 px: a million rows are just not higher than browsers allow (17.8 million in Firefox).
export const rowHeight = 17;
export const chunkRows = 500;

export interface Chunk {
  kind: 'lines';
  id: number;
  lines: Line[] | null; // null: dropped
  count: number; // of the lines that the filter keeps
  raw: number; // of all that came
  bytes: number; // about, while they are there
  // The lines lie after `after` and before `next`, the cursor of the first one
  // behind them. Unless both are known the lines cannot be dropped.
  after: string | null;
  next: string | null;
  first: string; // cursors of its first and last line, kept or not
  last: string;
  firstTime: string;
  version: number; // rises when its lines change
}

export interface GapEntry {
  kind: 'gap';
  id: number;
  gap: Gap;
  state: 'open' | 'loading' | 'failed' | 'gone'; // gone: nothing is left of them
  version: number;
}

export type Entry = Chunk | GapEntry;

// Place is where a row is: line `index` of an entry.
export interface Place {
  entry: Entry;
  index: number;
}

export interface Block {
  entry: Entry;
  from: number; // its first row within the entry
  rows: number;
}

const rowsOf = (entry: Entry) => (entry.kind === 'gap' ? 1 : entry.count);
const blocksOf = (entry: Entry) => Math.ceil(rowsOf(entry) / blockRows);

export class Entries {
  readonly list: Entry[] = [];
  private rows = new Uint32Array(64); // rows before each entry
  private blocks = new Uint32Array(64);
  private hint = 0;
  private latest: (Block & { index: number }) | undefined; // that was asked for: mostly it is again
  private known = 0; // how many entries the sums count for
  private ids = 0;

  nextId(): number {
    return ++this.ids;
  }

  // touched says that entries from `index` on have other rows than before.
  touched(index: number) {
    this.known = Math.min(this.known, index);
    this.latest = undefined;
  }

  push(...entries: Entry[]) {
    this.latest = undefined;
    this.list.push(...entries);
  }

  splice(index: number, remove: number, ...entries: Entry[]) {
    this.list.splice(index, remove, ...entries);
    this.touched(index);
  }

  // indexOf finds an entry, -1 if it is no longer there.
  indexOf(entry: Entry): number {
    return this.list.indexOf(entry);
  }

  get rowCount(): number {
    return this.before('rows', this.list.length);
  }

  get blockCount(): number {
    return this.before('blocks', this.list.length);
  }

  // firstRow is the row at which an entry begins.
  firstRow(index: number): number {
    return this.before('rows', index);
  }

  firstBlock(index: number): number {
    return this.before('blocks', index);
  }

  block(index: number): Block | undefined {
    this.sum();
    if (this.latest?.index !== index) this.latest = this.makeBlock(index);
    return this.latest;
  }

  private makeBlock(index: number): (Block & { index: number }) | undefined {
    const at = this.search('blocks', index);
    const entry = this.list[at];
    if (!entry) return undefined;
    const from = (index - this.before('blocks', at)) * blockRows;
    return { index, entry, from, rows: Math.min(blockRows, rowsOf(entry) - from) };
  }

  // blockOfRow is the index of the block that has a row.
  blockOfRow(row: number): number {
    const at = this.search('rows', row);
    return this.before('blocks', at) + Math.floor((row - this.before('rows', at)) / blockRows);
  }

  place(row: number): Place | undefined {
    const at = this.search('rows', row);
    const entry = this.list[at];
    return entry && { entry, index: row - this.before('rows', at) };
  }

  // entryOfRow is the index of the entry that has a row.
  entryOfRow(row: number): number {
    return this.search('rows', row);
  }

  // search finds the entry that has row, or block, n; the number of entries if none has.
  private search(what: 'rows' | 'blocks', n: number): number {
    this.sum();
    const sums = this[what];
    const end = this.list.length;
    for (const near of [this.hint, this.hint + 1]) { // one mostly asks for neighbours
      if (near < end && at(sums, near) <= n && n < at(sums, near + 1)) return (this.hint = near);
    }
    let low = 0;
    let high = end; // the answer is in [low, high)
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (at(sums, middle) <= n) low = middle;
      else high = middle;
    }
    return n < at(sums, end) ? (this.hint = low) : end;
  }

  private before(what: 'rows' | 'blocks', index: number): number {
    this.sum();
    return at(this[what], index);
  }

  private sum() {
    const n = this.list.length;
    if (this.known > n) this.known = n;
    if (this.known === n && n > 0) return;
    if (this.rows.length <= n) {
      this.rows = grown(this.rows, n);
      this.blocks = grown(this.blocks, n);
    }
    for (const [i, entry] of this.list.slice(this.known).entries()) {
      const index = this.known + i;
      this.rows[index + 1] = at(this.rows, index) + rowsOf(entry);
      this.blocks[index + 1] = at(this.blocks, index) + blocksOf(entry);
    }
    this.known = n;
  }
}

const at = (sums: Uint32Array, index: number) => sums[index] ?? 0;

function grown(old: Uint32Array<ArrayBuffer>, n: number): Uint32Array<ArrayBuffer> {
  const out = new Uint32Array(2 * n + 2);
  out.set(old);
  return out;
}
