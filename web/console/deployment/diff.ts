// What differs between two snapshots: settings by value, variables by digest.

import type { Snapshot } from './document';

export interface Difference {
  name: string;
  before: string | null; // null: it is not there
  after: string | null;
}

// diffSettings compares settings leaf by leaf, by their paths.
export function diffSettings(before: Record<string, unknown>, after: Record<string, unknown>): Difference[] {
  const left = new Map(leaves(before, ''));
  const right = new Map(leaves(after, ''));
  return [...new Set([...left.keys(), ...right.keys()])]
    .map((name) => ({ name, before: left.get(name) ?? null, after: right.get(name) ?? null }))
    .filter((d) => d.before !== d.after)
    .sort((a, b) => a.name.localeCompare(b.name));
}

function leaves(value: unknown, path: string): [string, string][] {
  if (value === null || value === undefined) return [];
  if (typeof value === 'object' && !Array.isArray(value)) {
    return Object.entries(value).flatMap(([key, inner]) => leaves(inner, path ? `${path}.${key}` : key));
  }
  if (Array.isArray(value) && value.length === 0) return [];
  return [[path, typeof value === 'string' ? inWords(value) : JSON.stringify(value)]];
}

// inWords is a duration of ISO 8601 as people write it, and any other text as it is.
const inWords = (text: string) =>
  /^PT(?:[\d.]+[HMS])+$/.test(text) ? text.slice(2).replace(/([HMS])/g, ' $1 ').trim().toLowerCase().replaceAll('  ', ' ') : text;

export type VariableChange = { name: string; secret: boolean; change: 'added' | 'removed' | 'changed' };

// diffVariables says which variables going to `after` adds, removes and changes.
// Their values are not known, their digests are.
export function diffVariables(before: Snapshot['variables'], after: Snapshot['variables']): VariableChange[] {
  const left = new Map(before.map((v) => [v.name, v]));
  const right = new Map(after.map((v) => [v.name, v]));
  return [...new Set([...left.keys(), ...right.keys()])].sort().flatMap((name): VariableChange[] => {
    const was = left.get(name);
    const is = right.get(name);
    const secret = (is ?? was)?.secret ?? false;
    if (!was) return [{ name, secret, change: 'added' }];
    if (!is) return [{ name, secret, change: 'removed' }];
    return was.digest === is.digest ? [] : [{ name, secret, change: 'changed' }];
  });
}
