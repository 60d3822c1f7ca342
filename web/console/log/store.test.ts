import { describe, expect, it, vi } from 'vitest';

import { FakeServer, source } from './fakeserver';
import { parseFilter } from './filter';
import { LogStore } from './store';
import { dropped, frames, gapOf, linesInMemory, opened, runs, settle, shown, upTo } from './storeworld';

describe('a log store', () => {
  it('shows the newest lines, goes on live, and reads what is older to the beginning', async () => {
    const server = new FakeServer();
    server.print(2750);
    const { store, clock } = await opened(server);
    expect(runs(await shown(store))).toBe(runs(upTo(2750, 2251)));
    server.print(30);
    clock.pass();
    while (store.older === 'more') await store.loadOlder();
    expect(runs(await shown(store))).toBe(runs(upTo(2780)));
    expect(store.live).toBe('live');
  });

  it('tells its listeners once a frame, however much arrives', async () => {
    const server = new FakeServer();
    const { store, clock } = await opened(server);
    const heard = vi.fn();
    store.subscribe(heard);
    server.print(5000, 10);
    expect(heard).not.toHaveBeenCalled();
    clock.pass(); // what arrived becomes rows
    clock.pass(); // and is told
    expect(heard).toHaveBeenCalledTimes(1);
    expect(store.rows.rowCount).toBe(5000);
  });

  it('keeps a bounded part of 200,000 lines and has each of them', async () => {
    const server = new FakeServer();
    const maxBytes = 2 << 20;
    const { store, clock } = await opened(server, { maxBytes });
    for (let i = 0; i < 200; i++) {
      server.print(1000, 170);
      clock.pass();
      store.look(store.rows.rowCount - 40, store.rows.rowCount - 1);
      expect(store.rows.bytes).toBeLessThan(1.2 * maxBytes);
    }
    expect(linesInMemory(store)).toBeLessThan(20_000);
    expect(store.rows.rowCount).toBe(200_000);
    store.look(100_000, 100_040);
    await settle();
    expect(store.lineAt(100_020)?.message).toBe('line 100021');
    expect(runs(await shown(store))).toBe(runs(upTo(200_000)));
    expect(store.rows.bytes).toBeLessThan(1.2 * maxBytes);
  });

  it('asks the server once for a chunk that is looked at twice', async () => {
    const server = new FakeServer();
    const { store, clock } = await opened(server, { maxBytes: 1 << 18 });
    server.print(20_000, 500);
    clock.pass();
    const row = store.rows.firstRow(store.rows.indexOf(dropped(store)));
    const before = server.pages;
    store.look(row, row + 40);
    store.look(row, row + 40);
    await settle();
    expect(server.pages - before).toBe(1);
    expect(store.lineAt(row)?.message).toBe(`line ${row + 1}`);
  });

  it('shows a gap in its place, and what is still there of it when it is asked for', async () => {
    const server = new FakeServer();
    const { store, clock } = await opened(server);
    server.print(700);
    server.skip(1800, 'SLOW_CONSUMER');
    server.print(10);
    clock.pass();
    const gap = gapOf(store);
    expect(gap.gap.dropped).toBe(1800);
    expect(runs(await shown(store))).toBe(runs([...upTo(700), -1, ...upTo(2510, 2501)]));
    await store.fillGap(gap);
    expect(runs(await shown(store))).toBe(runs(upTo(2510)));
  });

  it('says that nothing is left of a gap, and that reading it failed', async () => {
    const server = new FakeServer();
    const { store, clock } = await opened(server);
    server.print(3);
    for (let n = 4; n <= 9; n++) server.lost.add(n);
    server.skip(6, 'RETENTION');
    clock.pass();
    const gap = gapOf(store);
    server.failNext = 1;
    await store.fillGap(gap);
    expect([gap.state, store.error]).toEqual(['failed', 'The server is away.']);
    await store.fillGap(gap);
    expect([gap.state, store.error]).toEqual(['gone', null]);
    expect(runs(await shown(store))).toBe(runs([1, 2, 3, -1]));
  });

  it('opens at a line or a time, grows both ways, and goes live at the end', async () => {
    const server = new FakeServer();
    server.print(6000);
    for (const anchor of [{ at: 'line', cursor: 'c3000' }, { at: 'time', from: '2026-01-01T00:00:03.000Z' }] as const) {
      const clock = frames();
      const store = new LogStore({ transport: server, source, filter: {}, keep: null, schedule: clock.schedule });
      await store.open(anchor);
      expect(await shown(store)).toContain(3000);
      expect([store.live, store.older, store.newer]).toEqual(['no', 'more', 'more']);
      while (store.newer === 'more') await store.loadNewer();
      while (store.older === 'more') await store.loadOlder();
      expect(store.live).toBe('live');
      server.print(5);
      await settle();
      clock.pass();
      expect(runs(await shown(store))).toBe(runs(upTo(server.lines)));
      store.close();
    }
  });

  it('keeps what a filter keeps, on the server and here', async () => {
    const server = new FakeServer();
    server.print(3000);
    const filter = parseFilter('7 -77 /[02468]$/');
    const { store, clock } = await opened(server, { filter: filter.server, keep: filter.keep, maxBytes: 1 << 14 });
    server.print(3000, 100);
    clock.pass();
    while (store.older === 'more') await store.loadOlder();
    expect(runs(await shown(store))).toBe(runs(upTo(6000).filter((n) => /7/.test(`${n}`) && !/77/.test(`${n}`) && n % 2 === 0)));
  });

  it('ends with the log and says why', async () => {
    const server = new FakeServer();
    const { store, clock } = await opened(server);
    server.print(2);
    server.finish();
    clock.pass();
    expect([store.live, store.end]).toEqual(['ended', 'DEPLOYMENT_ENDED']);
  });

  it('goes on after a restart of the server', async () => {
    const server = new FakeServer();
    const { store, clock } = await opened(server);
    server.print(10);
    server.shutDown();
    expect(store.live).toBe('lost');
    server.print(10);
    clock.pass();
    await settle();
    clock.pass();
    server.print(3);
    clock.pass();
    expect(runs(await shown(store))).toBe(runs(upTo(23)));
    expect(server.followers).toBe(1);
  });

  it('follows nothing once it is closed', async () => {
    const server = new FakeServer();
    const { store } = await opened(server);
    store.close();
    server.print(10);
    expect([server.followers, store.rows.rowCount]).toEqual([0, 0]);
  });

  it('says that it could not be opened, and can be opened again', async () => {
    const server = new FakeServer();
    server.print(5);
    server.failNext = 1;
    const { store } = await opened(server);
    expect([store.opened, store.error]).toEqual([false, 'The server is away.']);
    await store.open({ at: 'end' });
    expect([store.opened, store.error, await shown(store)]).toEqual([true, null, upTo(5)]);
  });
});
