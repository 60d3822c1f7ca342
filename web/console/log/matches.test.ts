import { expect, it } from 'vitest';

import { FakeServer } from './fakeserver';
import { Matches } from './matches';
import { refOf } from './seek';
import { opened } from './storeworld';

it('counts the lines that match, and at which one is, while more come', async () => {
  const server = new FakeServer();
  server.print(30);
  const { store, clock } = await opened(server);
  const matches = new Matches(/7/g);
  expect(matches.look(store.rows)).toBe(true);
  expect(matches.count(store.rows, refOf(store.rows, 16), false)).toEqual({ total: 3, at: 2, whole: true });
  expect(matches.count(store.rows, refOf(store.rows, 0), false)).toEqual({ total: 3, at: null, whole: true });
  server.print(10);
  clock.pass();
  matches.look(store.rows);
  expect(matches.count(store.rows, null, true)).toEqual({ total: 4, at: null, whole: false });
});

it('looks at many lines in several goes, and remembers those that were dropped', async () => {
  const server = new FakeServer();
  const { store, clock } = await opened(server, { maxBytes: 1 << 30 });
  for (let i = 0; i < 120; i++) {
    server.print(1000, 500);
    clock.pass();
  }
  const matches = new Matches(/000$/g);
  let goes = 1;
  while (!matches.look(store.rows)) goes++;
  expect(goes).toBe(3);
  for (const entry of store.rows.list) if (entry.kind === 'lines') entry.lines = null;
  expect(matches.count(store.rows, null, false)).toEqual({ total: 120, at: null, whole: true });
});
