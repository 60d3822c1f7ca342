import { describe, expect, it } from 'vitest';

import { fieldOf, formatFilter, parseFilter, withField } from './filter';
import { lineOf, random } from './fakeserver';
import type { Line } from './line';

const line = (message: string, over: Partial<Line> = {}): Line => ({ ...lineOf(1), message, ...over });
const keeps = (filter: string, ...lines: Line[]) => {
  const { keep } = parseFilter(filter);
  return lines.map((l) => keep === null || keep(l));
};

describe('parseFilter', () => {
  it('gives the server what it can look for', () => {
    const filter = parseFilter('level:error stream:stderr,SYSTEM replica:rep_0abc "connection refused"');
    expect(filter.server).toEqual({
      minSeverity: 'ERROR', streams: ['STDERR', 'SYSTEM'], replicaId: 'rep_0abc', search: 'connection refused',
    });
    expect([filter.keep, filter.problems]).toEqual([null, []]);
  });

  it('has the server look for the longest text, and looks for the others itself', () => {
    const filter = parseFilter('GET /checkout\\/.*/ "status 500"');
    expect(filter.server.search).toBe('status 500');
    expect(keeps('GET "status 500"', line('GET / status 500'), line('PUT / status 500'))).toEqual([true, false]);
  });

  it('leaves out what a minus says', () => {
    expect(keeps('-noise', line('a noise'), line('quiet'))).toEqual([false, true]);
    expect(keeps('-"two words"', line('the two words'), line('two  words'))).toEqual([false, true]);
    expect(keeps('-/^GET .* 2\\d\\d$/', line('GET /a 204'), line('GET /a 500'))).toEqual([false, true]);
    expect(keeps('-replica:rep_a', line('x', { replicaId: 'rep_a' }), line('x', { replicaId: null }))).toEqual([false, true]);
    expect(keeps('-level:warn', line('x', { severity: 'WARN' }), line('x', { severity: 'INFO' }))).toEqual([false, true]);
    expect(parseFilter('-stream:stderr').server.streams).toEqual(['BUILD', 'STDOUT', 'SYSTEM']);
    expect(keeps('stream:build -stream:build', line('x'))).toEqual([false]);
  });

  it('reads expressions with and without case, and through colours', () => {
    expect(keeps('/error \\d+/', line('error 5'), line('Error 5'))).toEqual([true, false]);
    expect(keeps('/error \\d+/i', line('Error 5'))).toEqual([true]);
    expect(keeps('/^ok done$/', line('\x1b[32mok\x1b[0m done'))).toEqual([true]);
  });

  it.each([
    ['level:loud', 0, 10, 'Levels are trace, debug, info, warn, error, fatal.'],
    ['ok stream:sideways', 3, 18, 'Streams are build, stdout, stderr and system.'],
    ['replica:web-1', 0, 13, 'The id of a replica begins with rep_.'],
    ['a /(/', 2, 5, 'This is no regular expression.'],
    ['a "open', 2, 7, 'The text has no end: close it with ".'],
    ['a /open', 2, 7, 'The expression has no end: close it with /.'],
    ['level: b', 0, 6, 'Say which level.'],
    ['-"" b', 0, 3, 'There is nothing to look for.'],
  ])('says what is wrong with %s, and where', (input, from, to, message) => {
    const filter = parseFilter(input);
    expect(filter.problems).toEqual([{ from, to, message }]);
  });

  it('does not send a text that is too long for the server', () => {
    const long = 'é'.repeat(600);
    const filter = parseFilter(`${long} short`);
    expect(filter.server.search).toBe('short');
    expect(filter.keep?.(line(long))).toBe(true);
  });

  it('marks what was looked for, and nothing of what was not', () => {
    const found = parseFilter('a.b /\\d+/i -c').marks.map((mark) => 'a.b aXb c 42'.match(mark));
    expect(found).toEqual([['a.b'], ['42']]);
  });
});

describe('formatFilter', () => {
  it('is the same again, for whatever was written', () => {
    const parts = ['word', '"two words"', 'level:error', '-noise', '/re\\/gex/i', ' ', '-"x"', '"', '-', '/', '\\', 'stream:', 'replica:rep_1', '--', '"level:x"', '\t'];
    for (let seed = 0; seed < 3000; seed++) {
      const pick = random(seed);
      const input = Array.from({ length: pick(8) }, () => parts[pick(parts.length)]).join(pick(2) ? ' ' : '');
      const once = formatFilter(input);
      expect(formatFilter(once)).toBe(once);
      expect(parseFilter(once).server).toEqual(parseFilter(input).server);
      expect(new URLSearchParams(`?${new URLSearchParams({ q: once })}`).get('q')).toBe(once);
    }
  });
});

describe('the menus', () => {
  it('change one field and leave the rest', () => {
    expect(withField('boom level:warn -x', 'level', 'error')).toBe('level:error boom -x');
    expect(withField('level:error boom', 'level', null)).toBe('boom');
    expect(fieldOf('boom LEVEL:Error', 'level')).toBe('error');
    expect(fieldOf('-stream:stderr', 'stream')).toBe(null);
  });
});
