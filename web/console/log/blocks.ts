// The virtualizer of a log's blocks, which keeps what is looked at in its place
// when rows come before it.

import { Virtualizer } from '@tanstack/react-virtual';
import { blockRows } from './entries';
import type { Rows } from './rows';

interface Anchor {
  id: number; // of the entry at the top, and the block within it
  from: number;
  start: number; // where the block began
}

export class Blocks extends Virtualizer<HTMLDivElement, Element> {
  shifted = 0; // px that came before what was looked at, so far
  private anchor: Anchor | null = null;
  private due = 0; // of them the scroller has not moved yet

  // remember says what is looked at: null is the end, which moves.
  remember(rows: Rows, top: number | null) {
    const item = top === null ? undefined : this.getVirtualItemForOffset(top);
    const block = item && rows.block(item.index);
    this.anchor = block ? { id: block.entry.id, from: block.from, start: item.start } : null;
    this.due = 0;
  }

  // keep finds out where what is looked at is now. Until the scroller is told, one
  // counts as being there.
  keep(rows: Rows) {
    const { anchor } = this;
    const at = anchor ? rows.list.findIndex((entry) => entry.id === anchor.id) : -1;
    if (!anchor || at < 0) return;
    this.getTotalSize(); // measures
    const start = this.measurementsCache[rows.firstBlock(at) + anchor.from / blockRows]?.start ?? anchor.start;
    const by = start - anchor.start;
    if (by === 0) return;
    anchor.start = start;
    this.due += by;
    this.shifted += by;
    this.scrollOffset = (this.scrollOffset ?? 0) + by;
  }

  // settle moves the scroller to where one counts as being.
  settle() {
    if (this.due !== 0 && this.scrollElement) this.scrollElement.scrollTop += this.due;
    this.due = 0;
  }
}
