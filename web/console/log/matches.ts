// How many lines a text is found in, and the how-manieth one is at. Chunks are
// counted once: of many lines only those that came since are looked at again.

import { stripAnsi } from './ansi';
import type { Line } from './line';
import type { RowRef } from './seek';
import type { Rows } from './rows';

interface Counted {
  lines: number; // of the chunk, when it was counted
  found: number[]; // those that match, by index
}

export interface MatchCount {
  total: number;
  at: number | null; // counted from 1; null: one is at none of them
  whole: boolean; // whether that is all of the log
}

const most = 50_000; // lines that are looked at in one go

export class Matches {
  private readonly chunks = new Map<number, Counted>();

  constructor(private readonly mark: RegExp) {}

  // look looks at lines that are new, and reports whether it has seen all there are.
  look(rows: Rows): boolean {
    let left = most;
    for (const entry of rows.list) {
      if (entry.kind !== 'lines' || !entry.lines) continue;
      const known = this.chunks.get(entry.id);
      if (known?.lines === entry.lines.length) continue;
      if (left <= 0) return false;
      left -= entry.lines.length;
      this.chunks.set(entry.id, this.counted(entry.lines, known));
    }
    return true;
  }

  // count is what was found so far, with the place of a row. There may be more
  // before and behind what was read.
  count(rows: Rows, active: RowRef | null, more: boolean): MatchCount {
    let total = 0;
    let at: number | null = null;
    let whole = !more;
    for (const entry of rows.list) {
      if (entry.kind !== 'lines') continue;
      const known = this.chunks.get(entry.id);
      if (!known) {
        whole = false; // it was dropped before anybody looked
        continue;
      }
      if (active?.id === entry.id) {
        const within = known.found.indexOf(active.index);
        if (within >= 0) at = total + within + 1;
      }
      total += known.found.length;
    }
    return { total, at, whole };
  }

  private counted(lines: readonly Line[], known: Counted | undefined): Counted {
    const from = known && known.lines < lines.length ? known.lines : 0;
    const found = from > 0 && known ? known.found : [];
    for (let i = from; i < lines.length; i++) {
      this.mark.lastIndex = 0;
      const line = lines[i];
      if (line && this.mark.test(stripAnsi(line.message))) found.push(i);
    }
    return { lines: lines.length, found };
  }
}
