// Blocks of rows that are on the screen. Rows change in place: with each rendering
// the virtualizer is told anew what they are.

import { elementScroll, observeElementOffset, observeElementRect, type Range } from '@tanstack/react-virtual';
import { type RefObject, useLayoutEffect, useReducer, useState } from 'react';
import { Blocks } from './blocks';
import { rowHeight } from './entries';
import type { View } from './state';

export const footHeight = 34;

interface Wanted {
  scroller: RefObject<HTMLDivElement | null>;
  keyOf: (index: number) => number; // another function when blocks have changed
  rangeOf: (range: Range) => number[];
}

export function useBlocks({ rows }: View, { scroller, keyOf, rangeOf }: Wanted) {
  const [, renderAgain] = useReducer((n: number) => n + 1, 0);
  const options = {
    count: rows.blockCount,
    getScrollElement: () => scroller.current,
    estimateSize: (i: number) => (rows.block(i)?.rows ?? 1) * rowHeight,
    getItemKey: keyOf,
    rangeExtractor: rangeOf,
    overscan: 0,
    paddingEnd: footHeight,
    onChange: () => { renderAgain(); },
    observeElementRect,
    observeElementOffset,
    scrollToFn: elementScroll,
  };
  const [blocks] = useState(() => new Blocks(options));
  blocks.setOptions(options);
  blocks.keep(rows);
  useLayoutEffect(() => blocks._didMount(), [blocks]);
  useLayoutEffect(() => {
    blocks._willUpdate();
    blocks.settle();
  });
  return blocks;
}
