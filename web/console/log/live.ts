// The end of a log that still grows.

import type { FeedItem, FeedSink, LogSource, ServerFilter, Transport } from './line';

// Schedule runs something soon, once, and returns what calls it off.
export type Schedule = (run: () => void, delayMs?: number) => () => void;

// eachFrame runs before the next frame is painted. A tab nobody sees has no
// frames, but its log grows, too.
export const eachFrame: Schedule = (run, delayMs) => {
  if (delayMs !== undefined) {
    const timer = setTimeout(run, delayMs);
    return () => { clearTimeout(timer); };
  }
  const once = () => {
    cancel();
    run();
  };
  const frame = requestAnimationFrame(once);
  const timer = setTimeout(once, 250);
  const cancel = () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
  };
  return cancel;
};

const restartDelay = 1000;
const remembered = 4096; // lines among which one that came twice is found

export interface LiveEvents {
  items(items: FeedItem[]): void; // at most once a frame
  connected(yes: boolean): void;
  failed(message: string): void;
}

// Live follows a log from a cursor on: over lost connections and restarts of
// the server, every line once. What arrives within a frame is passed on together.
export class Live {
  private pending: FeedItem[] = [];
  private cancelFlush: (() => void) | null = null;
  private cancelRestart: (() => void) | null = null;
  private unfollow: (() => void) | null = null;
  private readonly seen: Recent;
  private turn = 0; // which feed counts

  constructor(
    private readonly transport: Transport,
    private readonly source: LogSource,
    private readonly filter: ServerFilter,
    private cursor: string | undefined, // after what arrived
    private readonly events: LiveEvents,
    private readonly schedule: Schedule,
    known: Iterable<string> = [], // cursors of the lines before, as many as anybody has
  ) {
    this.seen = new Recent(known);
  }

  start() {
    const turn = ++this.turn;
    const current = (run: () => void) => {
      if (turn === this.turn) run();
    };
    const sink: FeedSink = {
      item: (item) => { current(() => { this.take(item); }); },
      connected: (yes) => { current(() => { this.events.connected(yes); }); },
      failed: (message) => { current(() => { this.events.failed(message); }); },
    };
    this.unfollow = this.transport.follow(this.source, this.filter, () => this.cursor, sink);
  }

  stop() {
    this.turn++;
    this.unfollow?.();
    this.cancelFlush?.();
    this.cancelRestart?.();
    this.unfollow = this.cancelFlush = this.cancelRestart = null;
  }

  private take(item: FeedItem) {
    if (item.kind === 'batch') {
      const lines = item.lines.filter((line) => this.seen.add(line.cursor));
      this.cursor = item.cursor;
      if (lines.length === 0) return;
      item = { ...item, lines };
    } else if (item.kind === 'gap') {
      if (!this.seen.add(`gap ${item.gap.from} ${item.gap.to}`)) return;
      this.cursor = item.gap.to;
    } else {
      if (item.cursor !== '') this.cursor = item.cursor;
      if (item.reason === 'SERVER_SHUTDOWN') {
        this.restart();
        return;
      }
    }
    this.pending.push(item);
    this.cancelFlush ??= this.schedule(() => { this.flush(); });
  }

  private flush() {
    this.cancelFlush = null;
    const items = this.pending;
    this.pending = [];
    this.events.items(items);
  }

  private restart() {
    this.events.connected(false);
    this.turn++;
    this.unfollow?.();
    this.unfollow = null;
    this.cancelRestart = this.schedule(() => { this.start(); }, restartDelay);
  }
}

// Recent are the last things that were added. They lie in a ring: the first of a
// set is found slowly once many before it were deleted.
class Recent {
  private readonly set = new Set<string>();
  private readonly ring: string[] = [];
  private at = 0;

  constructor(known: Iterable<string>) {
    for (const thing of known) this.add(thing);
  }

  // add reports whether it was not there yet.
  add(thing: string): boolean {
    if (this.set.has(thing)) return false;
    const oldest = this.ring[this.at];
    if (oldest !== undefined) this.set.delete(oldest);
    this.ring[this.at] = thing;
    this.set.add(thing);
    this.at = (this.at + 1) % remembered;
    return true;
  }
}
