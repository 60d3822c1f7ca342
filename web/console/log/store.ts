// The rows of one log through one filter, as many as a person scrolls through:
// a million of them in bounded memory. It begins at the end, at a time or at a
// line, grows at both ends, and at its end goes on live. Every line is there
// once, in order; where lines are missing there is a gap.

import type { Keep } from './chunk';
import type { Chunk, GapEntry } from './entries';
import type { FeedItem, Line, LogSource, PageRange, ServerFilter, Transport } from './line';
import { eachFrame, Live, type Schedule } from './live';
import { pageLines, Reader } from './pages';
import { LogState, type Side } from './state';

// Anchor is where a log is opened.
export type Anchor = { at: 'end' } | { at: 'time'; from: string } | { at: 'line'; cursor: string };

export interface StoreOptions {
  transport: Transport;
  source: LogSource;
  filter: ServerFilter;
  keep: Keep;
  schedule?: Schedule;
  maxBytes?: number; // of lines that are kept, about
}

const defaultMaxBytes = 64 << 20;
const firstLines = 500; // what is shown at once
const epoch = '1970-01-01T00:00:00Z';

export class LogStore extends LogState {
  private users = 0;
  private readonly reader: Reader;
  private feed: Live | null = null;
  private start: string | null = null; // the cursor before which older lines are
  private position: string | null = null; // the cursor after the last line
  private looked: [number, number] = [0, 0];

  constructor(private readonly options: StoreOptions) {
    super(options.schedule ?? eachFrame, options.maxBytes ?? defaultMaxBytes);
    this.reader = new Reader(options.transport, options.source, options.filter, options.keep, () => this.rows.nextId());
  }

  // open reads the first rows; again, if that failed.
  open(anchor: Anchor): Promise<void> {
    return this.attempt('open', () => undefined, async (signal) => {
      if (anchor.at === 'end') await this.readOlder(firstLines, signal);
      else if (anchor.at === 'time') await this.readNewer({ from: anchor.from }, signal);
      else {
        this.start = anchor.cursor;
        await this.readOlder(firstLines, signal);
        await this.readNewer(this.position === null ? { from: epoch } : { after: this.position }, signal);
      }
      this.opened = true;
      if (anchor.at === 'end') this.goLive();
    });
  }

  // loadOlder reads a page of what comes before the first row, if there is more.
  loadOlder(): Promise<void> {
    if (this.older === 'none') return Promise.resolve();
    return this.attempt('older', (side) => (this.older = side), (signal) => this.readOlder(pageLines, signal));
  }

  // loadNewer reads a page of what comes after the last row; after the last page it goes live.
  loadNewer(): Promise<void> {
    const after = this.position;
    if (this.newer === 'none' || after === null) return Promise.resolve();
    return this.attempt('newer', (side) => (this.newer = side), (signal) => this.readNewer({ after }, signal));
  }

  // retry does again what failed at either end.
  async retry(): Promise<void> {
    this.error = null;
    if (this.older === 'failed') await this.loadOlder();
    if (this.newer === 'failed') await this.loadNewer();
    if (this.live === 'broken') {
      this.feed?.stop();
      this.feed = null;
      this.goLive();
    }
    this.look(...this.looked);
    this.changed();
  }

  // fillGap reads what is still there of the lines of a gap.
  fillGap(gap: GapEntry): Promise<void> {
    const set = (state: GapEntry['state']) => {
      gap.state = state;
      gap.version++;
    };
    const follow = (side: Side) => { set(side === 'failed' ? 'failed' : 'loading'); };
    return this.attempt(`gap ${gap.id}`, follow, async (signal) => {
      const list = await this.reader.between(gap.gap.from, gap.gap.to, signal);
      if (list.some((entry) => entry.kind === 'lines' && entry.raw > 0)) this.rows.replace(gap, list);
      else set('gone');
    });
  }

  // fetchAgain brings back the lines of a chunk that were dropped.
  fetchAgain(chunk: Chunk): Promise<void> {
    const { after, next } = chunk;
    if (chunk.lines || after === null || next === null) return Promise.resolve();
    return this.attempt(`chunk ${chunk.id}`, () => undefined, async (signal) => {
      this.rows.replace(chunk, await this.reader.between(after, next, signal));
      this.rows.dropFarAway(...this.looked);
    });
  }

  // linesOf reads the lines of a chunk, and forgets them again if they were dropped.
  async linesOf(chunk: Chunk, signal: AbortSignal): Promise<readonly Line[]> {
    const { lines, after, next } = chunk;
    if (lines || after === null || next === null) return lines ?? [];
    const list = await this.reader.between(after, next, signal);
    return list.flatMap((entry) => (entry.kind === 'lines' ? (entry.lines ?? []) : []));
  }

  // look says which rows are looked at. Those that were dropped are fetched again.
  look(first: number, last: number) {
    this.looked = [first, last];
    for (const entry of this.entriesBetween(first, last)) if (entry.kind === 'lines') void this.fetchAgain(entry);
  }

  // attach opens the log, and returns what closes it unless it is attached again at once.
  attach(anchor: Anchor): () => void {
    if (this.users++ === 0 && !this.opened) void this.open(anchor);
    return () => {
      this.users--;
      setTimeout(() => {
        if (this.users === 0) this.close();
      }, 0);
    };
  }

  close() {
    this.silence();
    this.feed?.stop();
  }

  private async readOlder(limit: number, signal: AbortSignal) {
    const before = this.start;
    const page = await this.reader.page({ limit, ...(before !== null && { before }) }, signal);
    const list = await this.reader.entries(page, null, signal);
    this.rows.prepend(list);
    this.position ??= page.endCursor;
    this.start = page.startCursor ?? before;
    this.older = page.hasMoreBefore && this.start !== before ? 'more' : 'none';
  }

  private async readNewer(range: Omit<PageRange, 'limit'>, signal: AbortSignal) {
    const page = await this.reader.page({ ...range, limit: pageLines }, signal);
    const list = await this.reader.entries(page, range.after ?? null, signal);
    this.rows.append(list);
    if (this.start === null) {
      this.start = page.startCursor;
      this.older = page.hasMoreBefore ? 'more' : 'none';
    }
    const on = page.hasMoreAfter && page.endCursor !== range.after;
    this.position = page.endCursor ?? this.position;
    this.newer = on ? 'more' : 'none';
    if (!on) this.goLive();
  }

  private goLive() {
    if (this.feed || this.tasks.aborted) return;
    const { transport, source, filter } = this.options;
    const events = {
      items: (items: FeedItem[]) => { this.take(items); },
      connected: (yes: boolean) => { this.turn(yes ? 'live' : 'lost', this.error); },
      failed: (message: string) => { this.turn('broken', message); },
    };
    this.live = 'live';
    this.feed = new Live(transport, source, filter, this.position ?? undefined, events, this.schedule, this.rows.lastCursors());
    this.feed.start();
  }

  private take(items: FeedItem[]) {
    const first = this.rows.list.length === 0;
    for (const item of items) {
      if (item.kind === 'batch') {
        this.rows.addLines(item.lines, this.options.keep, this.position);
        this.received += item.lines.length;
        this.position = item.cursor;
      } else if (item.kind === 'gap') {
        this.rows.addGap(item.gap);
        this.position = item.gap.to;
      } else {
        this.live = 'ended';
        this.end = item.reason;
      }
    }
    const [head] = this.rows.list;
    if (first && head?.kind === 'lines' && this.start === null) {
      this.start = head.first; // there may be more than the feed began with
      this.older = 'more';
    }
    this.rows.dropFarAway(...this.looked);
    this.changed();
  }
}
