import { describe, expect, it } from 'vitest';

import { download } from './download';
import { FakeServer, lineOf, source } from './fakeserver';
import { parseFilter } from './filter';
import { findRow, permalinkOf, readPermalink, refOf, rowAtTime, rowOf, rowOfLink } from './seek';
import { opened } from './storeworld';
import { findMark } from './use-find';

const never = new AbortController().signal;

async function logOf(lines: number, maxBytes?: number) {
  const server = new FakeServer();
  server.print(lines);
  return { server, ...(await opened(server, maxBytes === undefined ? {} : { maxBytes })) };
}

describe('findRow', () => {
  it('finds the next one and the one before, among lines that were dropped and those not read yet', async () => {
    const { server, store, clock } = await logOf(4000, 1 << 16);
    server.print(6000, 500);
    clock.pass();
    const mark = findMark('line 1234');
    const find = async (from: number, step: 1 | -1) => {
      const found = mark && (await findRow(store, mark, from, step, never));
      return found ? rowOf(store.rows, found) : null;
    };
    expect(await find(store.rows.rowCount - 1, -1)).toBe(733); // 500 lines are not read yet
    expect(await find(733, -1)).toBeNull(); // now they are
    expect(await find(0, 1)).toBe(1233);
    expect(await find(1233, 1)).toBeNull();
  });

  it('reads on at a row that moved because older lines came', async () => {
    const { store } = await logOf(3000);
    const ref = refOf(store.rows, 10);
    await store.loadOlder();
    expect(rowOf(store.rows, ref)).toBe(1010);
  });
});

describe('findMark', () => {
  it.each([
    ['a.b', 'xa.b', true], ['A.B', 'xa.b', true], ['a.b', 'axb', false], ['/a.b/', 'axb', true], ['/a.b/', 'AXB', false], ['/a.b/i', 'AXB', true],
  ])('%s in %s: %s', (text, line, found) => {
    expect(findMark(text)?.test(line)).toBe(found);
  });

  it('is nothing for what is no expression', () => {
    expect(findMark('/(/')).toBeNull();
  });
});

describe('a time', () => {
  it('leads to the first line at it or later, and nowhere if that is not there', async () => {
    const { store } = await logOf(3000);
    expect(rowAtTime(store.rows, lineOf(2750).timestamp)).toBe(249);
    expect(rowAtTime(store.rows, lineOf(2501).timestamp)).toBe(0);
    expect(rowAtTime(store.rows, lineOf(2400).timestamp)).toBeNull();
    expect(rowAtTime(store.rows, lineOf(3001).timestamp)).toBeNull();
  });
});

describe('a permalink', () => {
  it('leads to its line, also where its cursor was made on another way', async () => {
    const { store } = await logOf(3000);
    const link = readPermalink(permalinkOf(lineOf(2750)));
    expect(link && rowOfLink(store.rows, link)).toBe(249);
    expect(link && rowOfLink(store.rows, { ...link, cursor: 'other' })).toBe(249);
    expect(rowOfLink(store.rows, { cursor: 'other', timestamp: '2030-01-01T00:00:00Z' })).toBeNull();
  });

  it.each(['', 'c1', '~', 'c1~never'])('is not read from %s', (link) => {
    expect(readPermalink(link)).toBeNull();
  });
});

describe('download', () => {
  it('has every line that the filter keeps', async () => {
    const { server } = await logOf(2500);
    const counts: number[] = [];
    const blob = await download(server, source, parseFilter('line -/[13579]$/'), (n) => counts.push(n), never);
    const lines = (await blob.text()).trimEnd().split('\n');
    expect(lines.map((line) => Number(line.split(' ').at(-1)))).toEqual(Array.from({ length: 1250 }, (_, i) => 2 * i + 2));
    expect(lines[0]).toBe(`${lineOf(2).timestamp} stdout line 2`);
    expect(counts).toEqual([500, 1000, 1250]);
  });
});
