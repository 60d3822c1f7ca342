// Which pages of a list are open. The first grows at its top: it is read as far as
// the row that it ended with when the next one was opened.
import { useState } from 'react';

export const perPage = 50;
const mostPerPage = 100; // as the API has it

type Page = { nodes: { id: string }[]; pageInfo: { hasNextPage: boolean; endCursor: string | null } };
type Open = { first: number; last: string | null; after: string[] };

const begin: Open = { first: perPage, last: null, after: [] };

// grown is which pages are open once the first was read again. Rows that came push
// others out of it: it becomes larger, and if it may not, the list begins anew.
export function grown(open: Open, head: Page): Open {
  if (open.last === null || head.nodes.some((n) => n.id === open.last)) return open;
  return open.first < mostPerPage ? { ...open, first: mostPerPage } : begin;
}

// shown are the rows of the first page that are in no other.
export function shown<T extends { id: string }>(open: Open, nodes: readonly T[]): readonly T[] {
  const last = nodes.findIndex((n) => n.id === open.last);
  return last < 0 ? nodes : nodes.slice(0, last + 1);
}

export function usePages() {
  const [open, setOpen] = useState(begin);
  return {
    open,
    // read is told of the first page whenever it comes.
    read: (head: Page) => {
      const next = grown(open, head);
      if (next !== open) setOpen(next);
    },
    // more opens the page after another, which ends at a cursor.
    more: (after: string, head: Page) => {
      const end = head.nodes.at(-1)?.id ?? null;
      setOpen((before) => (before.after.includes(after) ? before : { ...before, last: before.last ?? end, after: [...before.after, after] }));
    },
  };
}


