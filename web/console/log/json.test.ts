import { describe, expect, it } from 'vitest';

import { entriesOf, ExactNumber, jsonAt, parseJsonLine, previewOf } from './json';

describe('parseJsonLine', () => {
  it.each([
    ['{"a":1}', '', { a: 1 }],
    ['  [1, 2] ', '', [1, 2]],
    ['2026-01-01T00:00:00Z INFO {"a":{"b":null}}', '2026-01-01T00:00:00Z INFO', { a: { b: null } }],
  ])('reads %s', (text, prefix, value) => {
    expect(parseJsonLine(text)).toEqual({ prefix, value });
  });

  it.each(['plain', '{"a":1', '{not json}', 'see [1]', '', '}', 'x'.repeat(100) + '{"a":1}'])('finds none in %s', (text) => {
    expect(parseJsonLine(text)).toBeUndefined();
  });

  it('does not look at what is too long', () => {
    expect(jsonAt(`{"a":"${'x'.repeat(300_000)}"}`)).toBe(-1);
  });

  it('bears a thousand levels and opens them one by one', () => {
    let value = parseJsonLine('[{"a":'.repeat(500) + '1' + '}]'.repeat(500))?.value ?? null;
    let depth = 0;
    for (let [entry] = entriesOf(value, 1); entry; [entry] = entriesOf(value, 1)) {
      value = entry.value;
      depth++;
    }
    expect([value, depth]).toEqual([1, 1000]);
  });
});

describe('a tree', () => {
  it('gives entries in their order, as many as asked for', () => {
    const value = { b: 'text', a: [1, 2], c: {}, d: null, e: { x: 1, y: 2 } };
    expect(entriesOf(value, 4).map((e) => [e.key, e.preview, e.size])).toEqual([
      ['b', '"text"', 0], ['a', '[2 items]', 2], ['c', '{}', 0], ['d', 'null', 0],
    ]);
    expect(previewOf(value.e)).toBe('{ x, y }');
    expect(entriesOf([5, 6, 7], 2).map((e) => e.key)).toEqual(['0', '1']);
  });

  it('shows long text short, and numbers as they were written', () => {
    expect(previewOf('x'.repeat(5000)).length).toBeLessThan(130);
    expect(previewOf(new ExactNumber('12345678901234567890'))).toBe('12345678901234567890');
  });
});
