// The entries of a log, and how many of their lines are in memory.

import { addGap, addLines, canDrop, type Keep } from './chunk';
import { Entries, type Entry } from './entries';
import type { Gap, Line } from './line';

export class Rows extends Entries {
  bytes = 0; // of lines that are there, about

  constructor(private readonly maxBytes: number) {
    super();
  }

  // addLines appends lines that follow the cursor `after`.
  addLines(lines: readonly Line[], keep: Keep, after: string | null) {
    this.changeEnd(() => addLines(this.list, lines, keep, after, () => this.nextId()));
  }

  addGap(gap: Gap) {
    this.changeEnd(() => {
      addGap(this.list, gap, () => this.nextId());
      return this.list.length;
    });
  }

  // append adds entries behind the last; prepend before the first.
  append(list: Entry[]) {
    join(this.list.at(-1), list[0]);
    this.bytes += bytesOf(list);
    this.push(...list);
  }

  prepend(list: Entry[]) {
    join(list.at(-1), this.list[0]);
    this.bytes += bytesOf(list);
    this.splice(0, 0, ...list);
  }

  // replace puts what was read where a chunk was dropped, or a gap is.
  replace(old: Entry, list: Entry[]) {
    const at = this.indexOf(old);
    if (at < 0) return;
    const last = list.at(-1);
    if (old.kind === 'lines') {
      const [only] = list;
      // The same lines keep their identity, and with it what was measured of them.
      if (list.length === 1 && only?.kind === 'lines' && only.count === old.count) {
        list[0] = { ...only, id: old.id, version: old.version + 1 };
      }
      const end = list.at(-1);
      if (end?.kind === 'lines') end.next = old.next;
      this.bytes -= old.lines ? old.bytes : 0;
    } else {
      join(last, this.list[at + 1]);
      join(this.list[at - 1], list[0]);
    }
    this.bytes += bytesOf(list);
    this.splice(at, 1, ...list);
  }

  // lastCursors are those of the lines at the end, of two chunks at most.
  lastCursors(): string[] {
    return this.list.slice(-2).flatMap((entry) => (entry.kind === 'lines' ? (entry.lines ?? []).map((line) => line.cursor) : []));
  }

  // dropFarAway forgets lines until there is room again, those first that are
  // farthest from the given rows. The last entry still grows and stays.
  dropFarAway(first: number, last: number) {
    if (this.bytes <= this.maxBytes) return;
    const from = this.entryOfRow(first);
    const to = this.entryOfRow(last);
    let low = 0;
    let high = this.list.length - 2;
    while (this.bytes > 0.8 * this.maxBytes && (low < from - 1 || high > to + 1)) {
      const entry = from - low > high - to ? this.list[low++] : this.list[high--];
      if (!entry || !canDrop(entry)) continue;
      this.bytes -= entry.bytes;
      entry.lines = null;
      entry.version++;
    }
  }

  private changeEnd(change: () => number) {
    const from = Math.max(0, this.list.length - 1);
    const before = bytesOf(this.list.slice(from));
    this.touched(Math.min(from, change()));
    this.bytes += bytesOf(this.list.slice(from)) - before;
  }
}

const bytesOf = (list: readonly Entry[]) =>
  list.reduce((sum, entry) => sum + (entry.kind === 'lines' && entry.lines ? entry.bytes : 0), 0);

// join lets two chunks that follow each other know it.
function join(one: Entry | undefined, other: Entry | undefined) {
  if (one?.kind !== 'lines' || other?.kind !== 'lines') return;
  one.next ??= other.first;
  other.after ??= one.last;
}
