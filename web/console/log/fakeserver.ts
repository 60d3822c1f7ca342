// A log server for tests: its lines are numbered, its cursors are their places,
// and it breaks connections, loses lines and repeats itself when it is told to.

import type { FeedSink, Gap, Line, LogSource, Page, PageRange, ServerFilter, Transport } from './line';

export const source: LogSource = { deploymentId: 'dep_test' };

// random makes numbers from 0 to n - 1, the same for the same seed (mulberry32).
export function random(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * n);
  };
}

// A cursor stands on a line, which does not come before it, or behind one.
const cursorOf = (n: number) => `c${n}`;
const behind = (n: number) => `p${n}`;
const before = (cursor: string) => numberOf(cursor) - (cursor.startsWith('c') ? 1 : 0);
const numberOf = (cursor: string) => Number(cursor.slice(1));
const timeOf = (n: number) => new Date(Date.UTC(2026, 0, 1) + n).toISOString();

export function lineOf(n: number): Line {
  return {
    cursor: cursorOf(n), timestamp: timeOf(n), stream: n % 7 === 0 ? 'STDERR' : 'STDOUT', severity: 'UNKNOWN',
    message: `line ${n}`, replicaId: null, truncated: false, continued: false,
  };
}

export class FakeServer implements Transport {
  lines = 0; // line n has the cursor n; they are counted from 1
  lost = new Set<number>(); // lines that are gone
  pages = 0; // that were asked for
  failNext = 0; // pages that fail
  private feeds = new Set<Feed>();

  page(_: LogSource, filter: ServerFilter, range: PageRange): Promise<Page> {
    this.pages++;
    if (this.failNext > 0) {
      this.failNext--;
      return Promise.reject(new Error('The server is away.'));
    }
    const first = range.from === undefined ? 1 : Math.max(1, Date.parse(range.from) - Date.parse(timeOf(0)));
    const low = range.after === undefined ? first : numberOf(range.after) + 1;
    const high = range.before === undefined ? this.lines : before(range.before);
    const forwards = range.after !== undefined || (range.before === undefined && range.from !== undefined);
    const found: number[] = [];
    const step = forwards ? 1 : -1;
    let n = forwards ? low : high;
    for (; n >= low && n <= high && found.length < range.limit; n += step) if (this.has(n, filter)) found.push(n);
    if (!forwards) found.reverse();
    const rest = forwards ? n <= high : n >= low;
    const start = found[0];
    const end = found.at(-1);
    return Promise.resolve({
      lines: found.map(lineOf), gaps: [],
      startCursor: start === undefined ? behind(low - 1) : cursorOf(start),
      endCursor: end === undefined ? behind(Math.max(low - 1, high)) : cursorOf(end),
      hasMoreBefore: forwards ? low > 1 : rest,
      hasMoreAfter: forwards ? rest : high < this.lines,
    });
  }

  follow(_: LogSource, filter: ServerFilter, after: () => string | undefined, sink: FeedSink): () => void {
    const feed = new Feed(this, filter, after, sink);
    this.feeds.add(feed);
    return () => void this.feeds.delete(feed);
  }

  has = (n: number, filter: ServerFilter) =>
    !this.lost.has(n) && (filter.search === undefined || lineOf(n).message.includes(filter.search));

  // print adds lines and sends them to those who are connected, `batch` at a time.
  print(count: number, batch = count) {
    this.lines += count;
    for (const feed of this.feeds) feed.send(batch);
  }

  // cut breaks every connection; restore makes them anew, and repeats the last
  // `again` lines, as no server should.
  cut = () => { this.feeds.forEach((feed) => { feed.cut(); }); };
  restore = (again = 0) => { this.feeds.forEach((feed) => { feed.restore(again); }); };

  // skip makes the feeds leave lines out and say so.
  skip(count: number, reason: Gap['reason']) {
    this.lines += count;
    for (const feed of this.feeds) feed.skip(reason);
  }

  finish = () => { this.feeds.forEach((feed) => { feed.finish('DEPLOYMENT_ENDED'); }); };
  shutDown = () => { this.feeds.forEach((feed) => { feed.finish('SERVER_SHUTDOWN'); }); };
  get followers(): number {
    return this.feeds.size;
  }
}

class Feed {
  private at: number;
  private sent = 0; // behind its last gap: what was left out is not repeated
  private up = true;

  constructor(
    private readonly server: FakeServer,
    private readonly filter: ServerFilter,
    private readonly after: () => string | undefined,
    private readonly sink: FeedSink,
  ) {
    this.at = this.resumed();
    queueMicrotask(() => { this.send(1000); }); // what came since
  }

  send(batch: number) {
    while (this.up && this.at < this.server.lines) {
      const lines: Line[] = [];
      for (; this.at < this.server.lines && lines.length < batch; this.at++) {
        if (this.server.has(this.at + 1, this.filter)) lines.push(lineOf(this.at + 1));
      }
      if (lines.length > 0) this.sink.item({ kind: 'batch', lines, cursor: behind(this.at) });
    }
  }

  skip(reason: Gap['reason']) {
    if (!this.up) return;
    const from = behind(this.at);
    const dropped = this.server.lines - this.at;
    this.at = this.sent = this.server.lines;
    this.sink.item({ kind: 'gap', gap: { dropped, reason, from, to: behind(this.at) } });
  }

  cut() {
    this.up = false;
    this.sink.connected(false);
  }

  restore(again: number) {
    if (this.up) return;
    this.up = true;
    this.sink.connected(true);
    this.at = Math.max(this.sent, this.resumed() - again);
    this.send(1000);
  }

  finish(reason: 'DEPLOYMENT_ENDED' | 'SERVER_SHUTDOWN') {
    this.sink.item({ kind: 'end', reason, cursor: behind(this.at) });
  }

  private resumed(): number {
    const cursor = this.after();
    return cursor === undefined ? 0 : numberOf(cursor);
  }
}
