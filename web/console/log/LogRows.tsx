import type { VirtualItem } from '@tanstack/react-virtual';
import type { ReactNode, Ref } from 'react';
import { BlockRows, type RowLook } from './BlockRows';
import { rowHeight } from './entries';
import type { LogStore } from './store';
import type { useCursor } from './use-cursor';
import { exactTime } from './time';
import { footHeight } from './use-blocks';

interface Props {
  name: string;
  store: LogStore;
  scroller: Ref<HTMLDivElement>;
  items: VirtualItem[];
  total: number; // px
  sight: readonly [number, number]; // px between which rows are drawn
  measure: ((block: Element | null) => void) | undefined; // for rows that may have more than one line
  onScroll: () => void;
  cursor: ReturnType<typeof useCursor>;
  look: RowLook;
  foot: ReactNode;
}

// nameTime says exactly when a line was printed, once somebody points at its time.
function nameTime({ target }: { target: EventTarget }) {
  if (target instanceof HTMLTimeElement) target.title ||= exactTime(target.dateTime);
}

// LogRows are the rows that are on the screen, in a scroller as high as all of them.
export const LogRows = ({ name, store, scroller, items, total, sight, measure, onScroll, cursor, look, foot }: Props) => (
  <div
    ref={scroller}
    role="log"
    aria-label={name}
    aria-live="off" // a hundred lines a second are not to be read out; the line one is at is
    aria-busy={!store.opened}
    tabIndex={0}
    onScroll={onScroll}
    onMouseOver={nameTime}
    className="log-rows absolute inset-0 overflow-auto bg-sunken focus-visible:-outline-offset-2"
  >
    <div className="relative min-w-full" style={{ height: total }}>
      {items.map((item) => {
        const block = store.rows.block(item.index);
        if (!block) return null;
        const { entry } = block;
        const mine = cursor.active?.id === entry.id ? cursor.active.index : -1;
        const skip = Math.min(block.rows, Math.max(0, Math.floor((sight[0] - item.start) / rowHeight)));
        const take = Math.min(block.rows, Math.max(skip, Math.ceil((sight[1] - item.start) / rowHeight))) - skip;
        const within = mine >= block.from && mine < block.from + block.rows ? mine : -1;
        return (
          <div
            key={item.key}
            ref={measure}
            data-index={item.index}
            className={look.wrap ? 'absolute top-0 left-0 w-full' : 'absolute top-0 left-0 w-max min-w-full'}
            style={{ transform: `translateY(${item.start}px)` }}
          >
            <BlockRows
              entry={entry}
              version={entry.version}
              from={block.from}
              rows={block.rows}
              skip={skip}
              take={take}
              active={within}
              selection={cursor.selection && cursor.selectedIn(entry, store.rows.firstRow(store.rows.indexOf(entry)))}
              look={look}
            />
          </div>
        );
      })}
      <div className="absolute bottom-0 left-0" style={{ height: footHeight }}>{foot}</div>
    </div>
  </div>
);
