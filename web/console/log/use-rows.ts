// What of a log is on the screen: blocks of rows in a scroller that follows the
// end, keeps what is looked at in its place, and asks for rows as they come near.

import { defaultRangeExtractor, type Range } from '@tanstack/react-virtual';
import { useCallback, useEffect, useLayoutEffect, useRef, useSyncExternalStore } from 'react';
import { blockRows, chunkRows, rowHeight } from './entries';
import type { LogStore } from './store';
import { useBlocks } from './use-blocks';
import { useSight } from './use-sight';

// A page is asked for when its end is so many blocks away: less than there are in
// one, so that a page does not lead to the next.
const ahead = 5;

export function useRows(store: LogStore, follow: boolean, onFollow: (follow: boolean) => void, measured: boolean) {
  const scroller = useRef<HTMLDivElement>(null);
  const lastPlace = useRef(0);
  const view = useSyncExternalStore(store.subscribe, store.snapshot);
  const { rows } = view;

  const keyOf = useCallback((i: number) => nameOf(view.rows.block(i)) ?? i, [view]);
  // Who follows sees the end, wherever the scroller still is.
  const rangeOf = useCallback(
    (range: Range) => (follow ? lastBlocks(view.rows, (scroller.current?.clientHeight ?? 1000) / rowHeight) : defaultRangeExtractor(range)),
    [view, follow],
  );
  const virtualizer = useBlocks(view, { scroller, keyOf, rangeOf });
  const items = virtualizer.getVirtualItems();
  const total = virtualizer.getTotalSize();
  const { sight, hurried, moved } = useSight(virtualizer.scrollRect?.height ?? 1000, virtualizer.shifted, follow ? total : null);

  useLayoutEffect(() => { virtualizer.measure(); }, [virtualizer, measured]);

  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) return;
    if (follow) element.scrollTop = element.scrollHeight;
    virtualizer.remember(view.rows, follow ? null : element.scrollTop);
  }, [view, follow, total, virtualizer]);

  const first = items[0]?.index ?? 0;
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (!store.opened) return;
    if (first < ahead && store.older === 'more') void store.loadOlder();
    if (last >= view.rows.blockCount - ahead && store.newer === 'more') void store.loadNewer();
    if (!hurried) store.look(rowOfBlock(store, first), rowOfBlock(store, last + 1) - 1);
  }, [store, view, first, last, hurried]);

  const onScroll = useCallback(() => {
    const element = scroller.current;
    if (!element) return;
    const to = element.scrollTop - virtualizer.shifted;
    const by = to - lastPlace.current;
    const toEnd = element.scrollHeight - element.clientHeight - element.scrollTop;
    if (by < -2 && toEnd > rowHeight) onFollow(false);
    else if (toEnd <= 2 && store.newer === 'none') onFollow(true);
    moved(to, by);
    lastPlace.current = to;
    virtualizer.remember(store.rows, element.scrollTop);
  }, [store, virtualizer, onFollow, moved]);

  // reveal scrolls to a row.
  const reveal = useCallback((row: number, where: 'nearest' | 'center') => {
    const element = scroller.current;
    const place = rows.place(row);
    if (!element || !place) return;
    const block = rows.blockOfRow(row);
    const start = virtualizer.measurementsCache[block]?.start ?? 0;
    const top = start + (place.index % blockRows) * rowHeight;
    const { scrollTop, clientHeight } = element;
    const drawn = document.getElementById(`log-row-${place.entry.id}-${place.index}`);
    if (where === 'nearest' && drawn) drawn.scrollIntoView({ block: 'nearest' });
    else if (where === 'center' || top < scrollTop || top > scrollTop + clientHeight - 2 * rowHeight) {
      element.scrollTop = where === 'center' ? top - clientHeight / 2 : top;
      virtualizer.remember(rows, element.scrollTop);
      requestAnimationFrame(() => {
        document.getElementById(`log-row-${place.entry.id}-${place.index}`)?.scrollIntoView({ block: where });
      });
    }
  }, [rows, virtualizer]);

  // Rows whose height nobody knows are all drawn, with their block.
  return { scroller, virtualizer, items, total, sight: measured ? everything : sight, onScroll, reveal };
}

const everything = [0, Infinity] as const;

// lastBlocks are the blocks at the end that have so many rows.
function lastBlocks(rows: LogStore['rows'], wanted: number): number[] {
  const blocks: number[] = [];
  for (let i = rows.blockCount - 1, have = 0; i >= 0 && have <= wanted; i--) {
    blocks.unshift(i);
    have += rows.block(i)?.rows ?? 0;
  }
  return blocks;
}

// nameOf names a block by its entry and its number in that.
const nameOf = (block: ReturnType<LogStore['rows']['block']>) => block && block.entry.id * (chunkRows / blockRows) + block.from / blockRows;

function rowOfBlock(store: LogStore, index: number): number {
  const block = store.rows.block(index);
  return block ? store.rows.firstRow(store.rows.indexOf(block.entry)) + block.from : store.rows.rowCount;
}
