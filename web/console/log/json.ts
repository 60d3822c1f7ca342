// Lines that are JSON, shown as trees whose branches are made when they are opened.

import { count } from '../ui/count';

export type Json = null | boolean | number | string | ExactNumber | Json[] | { [key: string]: Json };

// ExactNumber is a number that a double would round: ids often are.
export class ExactNumber {
  constructor(readonly source: string) {}
}

export interface Entry {
  key: string;
  value: Json;
  preview: string; // one short line
  size: number; // how many entries it has itself; 0 cannot be opened
}

const maxText = 256 * 1024;

// parseJsonLine is the object or array that a line is, or that stands at its
// end behind a prefix such as a time; undefined if there is none. jsonAt tells
// cheaply where it could begin.
export function parseJsonLine(text: string): { prefix: string; value: Json } | undefined {
  const at = jsonAt(text);
  if (at < 0) return undefined;
  try {
    return { prefix: text.slice(0, at).trimEnd(), value: parseExact(text.slice(at)) };
  } catch {
    return undefined;
  }
}

const maxPrefix = 80;

// jsonAt is where a line's JSON could begin, -1 if it surely has none.
export function jsonAt(text: string): number {
  if (text.length > maxText) return -1;
  const end = text.trimEnd().at(-1);
  if (end !== '}' && end !== ']') return -1;
  const at = text.slice(0, maxPrefix).search(end === '}' ? /\{/ : /^\s*\[/);
  return at;
}

// JSON.parse with the source of each number, which not every browser gives.
type Reviver = (key: string, value: Json, context?: { source?: string }) => Json;
const keepNumbers: Reviver = (_, value, context) =>
  typeof value === 'number' && context?.source !== undefined && rounds(value, context.source)
    ? new ExactNumber(context.source)
    : value;
const rounds = (value: number, source: string) =>
  !Number.isFinite(value) || (/^-?\d+$/.test(source) && !Number.isSafeInteger(value));

function parseExact(text: string): Json {
  const parse = JSON.parse as (text: string, reviver: Reviver) => Json;
  return parse(text, keepNumbers);
}

const isBranch = (value: Json): value is Json[] | { [key: string]: Json } =>
  typeof value === 'object' && value !== null && !(value instanceof ExactNumber);

// sizeOf is how many entries a value has, 0 for what is no branch.
export const sizeOf = (value: Json): number => (isBranch(value) ? Object.keys(value).length : 0);

// entriesOf are at most `limit` entries of a branch, in their order.
export function entriesOf(value: Json, limit: number): Entry[] {
  if (!isBranch(value)) return [];
  return Object.entries(value)
    .slice(0, limit)
    .map(([key, child]) => ({ key, value: child, preview: previewOf(child), size: sizeOf(child) }));
}

const previewLength = 120;

// previewOf says what a value is in one short line.
export function previewOf(value: Json): string {
  if (value instanceof ExactNumber) return value.source;
  if (typeof value === 'string') return JSON.stringify(short(value));
  if (!isBranch(value)) return String(value);
  const names = Object.keys(value);
  if (names.length === 0) return Array.isArray(value) ? '[]' : '{}';
  if (Array.isArray(value)) return `[${count(names.length, 'item')}]`;
  return `{ ${short(names.slice(0, 8).join(', '))}${names.length > 8 ? ', …' : ''} }`;
}

const short = (text: string) => (text.length > previewLength ? `${text.slice(0, previewLength - 1)}…` : text);
