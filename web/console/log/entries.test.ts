import { expect, it } from 'vitest';

import { blockRows, type Chunk, Entries, type GapEntry } from './entries';
import { random } from './fakeserver';

const chunk = (id: number, count: number): Chunk => ({
  kind: 'lines', id, count, lines: null, raw: count, bytes: 0, after: null, next: null, first: '', last: '', firstTime: '', version: 0,
});
const gap = (id: number): GapEntry => ({
  kind: 'gap', id, gap: { dropped: null, reason: 'RETENTION', from: '', to: '' }, state: 'open', version: 0,
});

it.each([1, 2, 3, 4, 5, 6, 7, 8])('rows and blocks are found as by counting them all (seed %i)', (seed) => {
  const pick = random(seed);
  const entries = new Entries();
  for (let step = 0; step < 60; step++) {
    const next = pick(5) === 0 ? gap(step) : chunk(step, pick(4) === 0 ? 0 : pick(180));
    const tail = entries.list.at(-1);
    const what = pick(4);
    if (what === 0) entries.splice(pick(entries.list.length + 1), pick(2), next);
    else if (what === 1 && tail?.kind === 'lines') {
      tail.count += pick(60);
      entries.touched(entries.list.length - 1);
    } else entries.push(next);

    const rows = entries.list.flatMap((entry) => Array.from({ length: entry.kind === 'gap' ? 1 : entry.count }, (_, index) => ({ entry, index })));
    expect(entries.rowCount).toBe(rows.length);
    expect(entries.place(rows.length)).toBeUndefined();
    for (let i = 0; i < 20 && rows.length > 0; i++) {
      const row = pick(rows.length);
      const place = entries.place(row);
      const block = entries.block(entries.blockOfRow(row));
      expect(place).toEqual(rows[row]);
      expect(block?.entry).toBe(place?.entry);
      expect(block?.from).toBeLessThanOrEqual(place?.index ?? NaN);
      expect((block?.from ?? NaN) + (block?.rows ?? NaN)).toBeGreaterThan(place?.index ?? NaN);
      expect(block?.rows).toBeLessThanOrEqual(blockRows);
    }
    let blocks = 0;
    for (let i = 0; i < entries.blockCount; i++) blocks += entries.block(i)?.rows ?? NaN;
    expect(blocks).toBe(rows.length);
  }
});
