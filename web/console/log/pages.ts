// Reads pages of a log whole: a page that a search ended early goes on, and its
// gaps find their places.

import { addGap, addLines, type Keep } from './chunk';
import type { Entry } from './entries';
import type { Gap, Line, LogSource, Page, PageRange, ServerFilter, Transport } from './line';

export const pageLines = 1000; // at most, as the API has it

// Reader reads one log through one filter.
export class Reader {
  constructor(
    private readonly transport: Transport,
    private readonly source: LogSource,
    readonly filter: ServerFilter,
    readonly keep: Keep,
    private readonly id: () => number,
  ) {}

  page(range: PageRange, signal: AbortSignal): Promise<Page> {
    return this.transport.page(this.source, this.filter, range, signal);
  }

  // entries makes entries of a page; its first line follows the cursor `after`.
  async entries(page: Page, after: string | null, signal: AbortSignal): Promise<Entry[]> {
    const list: Entry[] = [];
    let at = 0;
    let position = after;
    for (const gap of page.gaps) {
      const place = Math.max(at, await this.placeOf(gap, page.lines, signal));
      addLines(list, page.lines.slice(at, place), this.keep, position, this.id);
      addGap(list, gap, this.id);
      position = gap.to;
      at = place;
    }
    addLines(list, page.lines.slice(at), this.keep, position, this.id);
    return list;
  }

  // between reads all that lies after one cursor and before another.
  async between(after: string, before: string, signal: AbortSignal): Promise<Entry[]> {
    const list: Entry[] = [];
    let position = after;
    for (;;) {
      const page = await this.page({ after: position, before, limit: pageLines }, signal);
      list.push(...(await this.entries(page, position, signal)));
      const end = page.endCursor;
      if (!page.hasMoreAfter || end === null || end === position) return joined(list);
      position = end;
    }
  }

  // placeOf is the index of the first line behind a gap. Cursors are opaque: the
  // server says which line is the last one before it.
  private async placeOf(gap: Gap, lines: readonly Line[], signal: AbortSignal): Promise<number> {
    if (lines.length === 0) return 0;
    const [last] = (await this.page({ before: gap.from, limit: 1 }, signal)).lines;
    if (!last) return 0;
    const exact = lines.findIndex((line) => line.cursor === last.cursor);
    return 1 + (exact >= 0 ? exact : lines.findIndex((line) => sameLine(line, last)));
  }
}

// sameLine finds a line again whose cursor was made on another way through the
// log: one says where all streams of the log stood.
export const sameLine = (a: Line, b: Pick<Line, 'timestamp' | 'message' | 'stream'>) =>
  a.timestamp === b.timestamp && a.message === b.message && a.stream === b.stream;

// joined lets chunks of neighbouring pages know each other.
function joined(list: Entry[]): Entry[] {
  list.forEach((entry, i) => {
    const next = list[i + 1];
    if (entry.kind === 'lines' && entry.next === null && next?.kind === 'lines') entry.next = next.first;
  });
  return list;
}
