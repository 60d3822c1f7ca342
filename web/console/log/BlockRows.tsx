import { memo } from 'react';
import { type Block, type GapEntry, rowHeight } from './entries';
import { GapRow } from './GapRow';
import { LineRow, type RowActions } from './LineRow';

export interface RowLook {
  marks: readonly RegExp[];
  wrap: boolean;
  open: ReadonlySet<string>; // rows that were opened
  nameOf: ((replicaId: string) => string) | null; // null: one does not ask which replica it was
  actions: RowActions;
  onFill: (entry: GapEntry) => void;
}

interface Props {
  entry: Block['entry'];
  version: number; // of the entry, which changes in place
  from: number;
  rows: number;
  skip: number; // of them that are out of sight, before and behind those that are drawn
  take: number;
  active: number; // row within the entry, -1 for none
  selection: readonly [number, number] | null; // first and last row within the entry
  look: RowLook;
}

export const rowKey = (id: number, index: number) => `${id}:${index}`;

// BlockRows draws the rows of one block.
export const BlockRows = memo(function BlockRows({ entry, from, rows, skip, take, active, selection, look }: Props) {
  if (entry.kind === 'gap') return <GapRow entry={entry} version={entry.version} active={active === 0} onFill={look.onFill} />;
  const { lines } = entry;
  const drawn = Array.from({ length: take }, (_, i) => {
    const index = from + skip + i;
    const line = lines?.[index];
    if (!line) return <div key={index} className="log-line px-3 font-mono text-xs text-faint">…</div>;
    return (
      <LineRow
        key={index}
        line={line}
        id={entry.id}
        index={index}
        marks={look.marks}
        active={index === active}
        selected={selection !== null && index >= selection[0] && index <= selection[1]}
        open={look.open.has(rowKey(entry.id, index))}
        wrap={look.wrap}
        replica={look.nameOf && (line.replicaId === null ? '' : look.nameOf(line.replicaId))}
        actions={look.actions}
      />
    );
  });
  return (
    <>
      {skip > 0 && <div style={{ height: skip * rowHeight }} />}
      {drawn}
      {skip + take < rows && <div style={{ height: (rows - skip - take) * rowHeight }} />}
    </>
  );
});
