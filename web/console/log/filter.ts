// The grammar of a filter: everything said must hold.
//
//   word "some text" /reg(ular)?/i    in the text
//   level:error stream:stderr,system replica:rep_…
//   -noise -"some noise" -/noise/     not in it
//
// What the server can look for it looks for; the rest is looked at here.

import { stripAnsi } from './ansi';
import { type Line, type ServerFilter, severities, type Severity, type Stream } from './line';
import { type Term, tokenize, type Problem } from './terms';

export interface Filter {
  server: ServerFilter;
  keep: ((line: Line) => boolean) | null; // null: the server said it all
  marks: RegExp[]; // what to highlight; global
  problems: Problem[]; // terms that count for nothing, and why
  key: string; // equal for filters that show the same lines
}

const levels: Readonly<Record<string, Severity>> = {
  ...Object.fromEntries(severities.slice(1).map((s) => [s.toLowerCase(), s])),
  warning: 'WARN',
  err: 'ERROR',
};
const streams: readonly Stream[] = ['BUILD', 'STDOUT', 'STDERR', 'SYSTEM'];

const maxSearchBytes = 1024;

type Test = (text: string, line: Line) => boolean;

// parseFilter reads what a person wrote. It never fails: what it cannot read it
// leaves out and says so.
export function parseFilter(input: string): Filter {
  const { terms, problems } = tokenize(input);
  const server: ServerFilter = {};
  const tests: Test[] = [];
  const marks: RegExp[] = [];
  const literals: string[] = [];
  let only: Set<Stream> | undefined;
  const problem = (term: Term, message: string) => void problems.push({ from: term.from, to: term.to, message });

  for (const term of terms) {
    if (term.kind === 'regex') {
      let regex: RegExp;
      try {
        regex = new RegExp(term.value, term.flags);
      } catch {
        problem(term, 'This is no regular expression.');
        continue;
      }
      tests.push((text) => regex.test(text) !== term.not);
      if (!term.not) marks.push(new RegExp(term.value, `${term.flags}g`));
    } else if (term.kind === 'text') {
      if (term.not) tests.push((text) => !text.includes(term.value));
      else {
        literals.push(term.value);
        marks.push(new RegExp(escapeRegExp(term.value), 'g'));
      }
    } else if (term.key === 'level') {
      const level = levels[term.value.toLowerCase()];
      if (!level) problem(term, `Levels are ${Object.values(severities).slice(1).join(', ').toLowerCase()}.`);
      else if (term.not) tests.push((_, line) => severities.indexOf(line.severity) < severities.indexOf(level));
      else if (severities.indexOf(level) > severities.indexOf(server.minSeverity ?? 'UNKNOWN')) server.minSeverity = level;
    } else if (term.key === 'stream') {
      const named = term.value.toUpperCase().split(',').filter(Boolean);
      const unknown = named.find((name) => !isStream(name));
      if (unknown !== undefined || named.length === 0) problem(term, 'Streams are build, stdout, stderr and system.');
      else only = new Set([...(only ?? streams)].filter((s) => named.includes(s) !== term.not));
    } else if (!/^rep_[0-9a-z]+$/.test(term.value)) problem(term, 'The id of a replica begins with rep_.');
    else if (term.not) tests.push((_, line) => line.replicaId !== term.value);
    else if (server.replicaId === undefined) server.replicaId = term.value;
    else tests.push((_, line) => line.replicaId === term.value);
  }

  if (only) {
    if (only.size === 0) tests.push(() => false); // the API takes no streams for all
    else if (only.size < streams.length) server.streams = streams.filter((s) => only.has(s));
  }
  // The server looks for one text: the longest is the rarest.
  for (const text of literals.sort((a, b) => b.length - a.length)) {
    const bytes = new TextEncoder().encode(text).length;
    if (server.search === undefined && bytes <= maxSearchBytes) server.search = text;
    else tests.push((line) => line.includes(text));
  }
  const keep = tests.length === 0 ? null : (line: Line) => everyTest(tests, line);
  return { server, keep, marks, problems, key: formatFilter(input) };
}

function everyTest(tests: Test[], line: Line): boolean {
  const text = stripAnsi(line.message);
  return tests.every((test) => test(text, line));
}

const isStream = (name: string): name is Stream => (streams as readonly string[]).includes(name);

export const escapeRegExp = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');

// formatFilter is the filter in its shortest spelling, without what cannot be
// read: as it stands in a URL.
export function formatFilter(input: string): string {
  return tokenize(input).terms.map(formatTerm).join(' ');
}

export function formatTerm(term: Pick<Term, 'kind' | 'not' | 'value' | 'flags' | 'key'>): string {
  const sign = term.not ? '-' : '';
  if (term.kind === 'regex') return `${sign}/${term.value}/${term.flags}`;
  if (term.kind === 'field') return `${sign}${term.key}:${term.value}`;
  const bare = /^[^\s"/-][^\s"]*$/.test(term.value) && !/^(level|stream|replica):/i.test(term.value);
  return sign + (bare ? term.value : `"${term.value.replace(/[\\"]/g, '\\$&')}"`);
}

// withField is the filter with a field set to a value, or without it: what the
// menus of the viewer do to the text.
export function withField(input: string, key: 'level' | 'stream' | 'replica', value: string | null): string {
  const rest = tokenize(input).terms.filter((t) => t.not || t.key !== key).map(formatTerm);
  if (value !== null) rest.unshift(`${key}:${value}`);
  return rest.join(' ');
}

// fieldOf is what a field of the filter says, null if it says nothing.
export function fieldOf(input: string, key: 'level' | 'stream' | 'replica'): string | null {
  return tokenize(input).terms.find((t) => !t.not && t.key === key)?.value.toLowerCase() ?? null;
}
