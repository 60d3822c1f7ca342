import { describe, expect, it } from 'vitest';

import { FakeServer, random } from './fakeserver';
import { opened, runs, settle, shown, upTo } from './storeworld';

describe('whatever happens', () => {
  it.each(upTo(25))('every line is there once and in order (seed %i)', async (seed) => {
    const pick = random(seed);
    const server = new FakeServer();
    server.print(pick(3000));
    const { store, clock } = await opened(server, { maxBytes: (1 << 16) << pick(5) });
    for (let step = 0; step < 80; step++) {
      const what = pick(12);
      if (what < 4) server.print(pick(700), 1 + pick(300));
      else if (what === 4) server.cut();
      else if (what === 5) server.restore(pick(2) * pick(500));
      else if (what === 6) server.skip(1 + pick(900), 'SLOW_CONSUMER');
      else if (what === 7) await store.loadOlder();
      else if (what === 8) store.look(pick(store.rows.rowCount + 1), pick(store.rows.rowCount + 1));
      else if (what === 9) await settle();
      else if (what === 10) {
        const gaps = store.rows.list.filter((e) => e.kind === 'gap');
        const gap = gaps[pick(gaps.length || 1)];
        if (pick(4) === 0) server.failNext = 1;
        if (gap) await store.fillGap(gap);
      } else clock.pass();
    }
    server.failNext = 0;
    server.restore();
    await settle();
    clock.pass();
    while (store.older !== 'none') await store.loadOlder();
    for (const gap of store.rows.list.filter((e) => e.kind === 'gap')) await store.fillGap(gap);
    clock.pass();
    expect(runs(await shown(store))).toBe(runs(upTo(server.lines)));
    expect(store.rows.rowCount).toBe(server.lines);
  });
});
