// What the tests of the store have in common.

import type { Chunk, GapEntry } from './entries';
import { type FakeServer, source } from './fakeserver';
import { LogStore, type StoreOptions } from './store';

// A schedule that the test drives: frames when it says so.
export function frames() {
  let due: (() => void)[] = [];
  return {
    schedule: (run: () => void) => {
      due.push(run);
      return () => void (due = due.filter((other) => other !== run));
    },
    pass: () => { due.splice(0).forEach((run) => { run(); }); },
  };
}

export const settle = () => new Promise((resolve) => setTimeout(resolve, 0));

export async function opened(server: FakeServer, options: Partial<StoreOptions> = {}) {
  const clock = frames();
  const store = new LogStore({ transport: server, source, filter: {}, keep: null, schedule: clock.schedule, ...options });
  await store.open({ at: 'end' });
  await settle();
  clock.pass();
  return { store, clock };
}

// shown are the numbers of the lines of all rows; dropped lines are fetched, a gap is -1.
export async function shown(store: LogStore): Promise<number[]> {
  const out: number[] = [];
  for (let row = 0; row < store.rows.rowCount; row++) {
    const entry = store.rows.place(row)?.entry;
    if (entry?.kind === 'lines' && !entry.lines) {
      store.look(row, row);
      await store.fetchAgain(entry);
    }
    out.push(entry?.kind === 'gap' ? -1 : Number(store.lineAt(row)?.message.slice(5)));
  }
  return out;
}

// runs writes numbers as 1-10 12-20, which a person can read when it is wrong.
export const runs = (numbers: number[]) => {
  const out: [number, number][] = [];
  for (const n of numbers) {
    const run = out.at(-1);
    if (run && n === run[1] + 1) run[1] = n;
    else out.push([n, n]);
  }
  return out.map(([a, b]) => (a === b ? `${a}` : `${a}…${b}`)).join(' ');
};

export const upTo = (n: number, from = 1) => Array.from({ length: n - from + 1 }, (_, i) => from + i);
export const linesInMemory = (store: LogStore) =>
  store.rows.list.reduce((sum, e) => sum + (e.kind === 'lines' && e.lines ? e.lines.length : 0), 0);

export function dropped(store: LogStore): Chunk {
  const chunk = store.rows.list.find((e) => e.kind === 'lines' && e.lines === null);
  if (chunk?.kind !== 'lines') throw new Error('nothing was dropped');
  return chunk;
}

export function gapOf(store: LogStore): GapEntry {
  const gap = store.rows.list.find((e) => e.kind === 'gap');
  if (!gap) throw new Error('there is no gap');
  return gap;
}
