// The text of a line with its colours and highlights.

import type { CSSProperties, ReactNode } from 'react';
import { cx } from '../ui/cx';
import { type Face, parseAnsi, type Span } from './ansi';

const colour = (value: number | string) => (typeof value === 'number' ? `var(--ansi-${value})` : value);

function styleOf(face: Face): CSSProperties | undefined {
  const fg = face.inverse ? (face.bg ?? 'var(--sunken)') : face.fg;
  const bg = face.inverse ? (face.fg ?? 'currentColor') : face.bg;
  if (fg === undefined && bg === undefined) return undefined;
  return {
    ...(fg !== undefined && { color: colour(fg) }),
    ...(bg !== undefined && { backgroundColor: bg === 'currentColor' ? 'var(--text)' : colour(bg) }),
  };
}

const classOf = (face: Face) =>
  cx(
    face.bold && 'font-bold',
    face.dim && 'opacity-70',
    face.italic && 'italic',
    face.underline && 'underline',
    face.strike && 'line-through',
  ) || undefined;

const isPlain = (face: Face) => Object.keys(face).length === 0;

const maxMarks = 200; // in a line

// rangesOf are where marks are found in a text, in order and apart.
export function rangesOf(text: string, marks: readonly RegExp[]): [number, number][] {
  const found: [number, number][] = [];
  for (const mark of marks) {
    mark.lastIndex = 0;
    for (let hit = mark.exec(text); hit && found.length < maxMarks; hit = mark.exec(text)) {
      if (hit[0] === '') mark.lastIndex++;
      else found.push([hit.index, hit.index + hit[0].length]);
    }
  }
  found.sort((a, b) => a[0] - b[0]);
  const apart: [number, number][] = [];
  for (const range of found) {
    const last = apart.at(-1);
    if (last && range[0] <= last[1]) last[1] = Math.max(last[1], range[1]);
    else apart.push(range);
  }
  return apart;
}

interface Piece extends Span {
  marked: boolean;
}

// pieces cuts spans where marks begin and end.
export function pieces(spans: readonly Span[], ranges: readonly [number, number][]): Piece[] {
  const out: Piece[] = [];
  let at = 0; // in the whole text
  let next = 0;
  for (const { text, face } of spans) {
    const end = at + text.length;
    for (let from = at; from < end; ) {
      while ((ranges[next]?.[1] ?? Infinity) <= from) next++;
      const [start, stop] = ranges[next] ?? [Infinity, Infinity];
      const marked = start <= from;
      const to = Math.min(end, marked ? stop : start);
      out.push({ text: text.slice(from - at, to - at), face, marked });
      from = to;
    }
    at = end;
  }
  return out;
}

// Ansi shows a line in its colours, with what marks find in it highlighted.
export function Ansi({ text, marks = [] }: { text: string; marks?: readonly RegExp[] }): ReactNode {
  const spans = parseAnsi(text);
  const ranges = marks.length === 0 ? [] : rangesOf(spans.map((s) => s.text).join(''), marks);
  return pieces(spans, ranges).map((piece, i) => {
    const inner = piece.marked ? <mark key={i}>{piece.text}</mark> : piece.text;
    if (isPlain(piece.face)) return inner;
    return (
      <span key={i} className={classOf(piece.face)} style={styleOf(piece.face)}>
        {inner}
      </span>
    );
  });
}
