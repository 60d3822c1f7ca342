// How a log stands, and who is told when that changes.

import type { Entry } from './entries';
import type { EndReason, Line } from './line';
import type { Schedule } from './live';
import { Rows } from './rows';
import { messageOf, Tasks } from './tasks';

// more: there are more lines on that side; none: it is the beginning, or live.
export type Side = 'more' | 'loading' | 'none' | 'failed';

export interface View {
  readonly rows: Rows;
}

export class LogState {
  readonly rows: Rows;
  opened = false;
  older: Side = 'none';
  newer: Side = 'none';
  live: 'no' | 'live' | 'lost' | 'broken' | 'ended' = 'no'; // lost comes back by itself
  end: EndReason | null = null;
  error: string | null = null; // what went wrong last
  received = 0; // lines that came live

  protected readonly tasks = new Tasks();
  private view: View;
  private readonly listeners = new Set<() => void>();
  private cancelNotify: (() => void) | null = null;

  constructor(protected readonly schedule: Schedule, maxBytes: number) {
    this.rows = new Rows(maxBytes);
    this.view = { rows: this.rows };
  }

  subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  };

  // snapshot is another view after every change, of rows that change in place.
  snapshot = () => this.view;

  lineAt(row: number): Line | undefined {
    const place = this.rows.place(row);
    return place?.entry.kind === 'lines' ? place.entry.lines?.[place.index] : undefined;
  }

  protected entriesBetween(first: number, last: number): Entry[] {
    return this.rows.list.slice(this.rows.entryOfRow(first), this.rows.entryOfRow(last) + 1);
  }

  // attempt does something that can fail, once at a time, and says how it stands.
  protected attempt(name: string, state: (side: Side) => void, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    return this.tasks.run(name, async (signal) => {
      state('loading');
      this.changed();
      try {
        await work(signal);
        this.error = null;
      } catch (error) {
        if (signal.aborted) return;
        state('failed');
        this.error = messageOf(error);
      }
      this.changed();
    });
  }

  protected turn(live: LogState['live'], error: string | null) {
    this.live = live;
    this.error = error;
    this.changed();
  }

  protected changed() {
    this.view = { rows: this.rows };
    this.cancelNotify ??= this.schedule(() => {
      this.cancelNotify = null;
      for (const listener of this.listeners) listener();
    });
  }

  protected silence() {
    this.tasks.abort();
    this.cancelNotify?.();
    this.listeners.clear();
  }
}
