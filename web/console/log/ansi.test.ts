import { describe, expect, it } from 'vitest';

import { parseAnsi, stripAnsi } from './ansi';
import { random } from './fakeserver';

const esc = '\x1b';

describe('parseAnsi', () => {
  it.each([
    ['no colour', 'hello', [{ text: 'hello', face: {} }]],
    ['nothing', '', []],
    ['a colour', `${esc}[31mred${esc}[0m plain`, [{ text: 'red', face: { fg: 1 } }, { text: ' plain', face: {} }]],
    ['a bright one', `${esc}[97;100mx`, [{ text: 'x', face: { fg: 15, bg: 8 } }]],
    ['an empty reset', `${esc}[1mb${esc}[mp`, [{ text: 'b', face: { bold: true } }, { text: 'p', face: {} }]],
    ['faces', `${esc}[1;2;3;4;7;9mx`, [{ text: 'x', face: { bold: true, dim: true, italic: true, underline: true, inverse: true, strike: true } }]],
    ['faces that end', `${esc}[1;4;32mx${esc}[22;24;39my`, [{ text: 'x', face: { bold: true, underline: true, fg: 2 } }, { text: 'y', face: {} }]],
    ['one of 256 that is one of 16', `${esc}[38;5;9mx`, [{ text: 'x', face: { fg: 9 } }]],
    ['one of the cube', `${esc}[48;5;208mx`, [{ text: 'x', face: { bg: 'rgb(255 135 0)' } }]],
    ['a grey', `${esc}[38;5;244mx`, [{ text: 'x', face: { fg: 'rgb(128 128 128)' } }]],
    ['a true colour', `${esc}[38;2;1;2;3;1mx`, [{ text: 'x', face: { fg: 'rgb(1 2 3)', bold: true } }]],
    ['colons', `${esc}[38:2::1:2:3;4:3mx`, [{ text: 'x', face: { fg: 'rgb(1 2 3)', underline: true } }]],
    ['no underline by a colon', `${esc}[4m${esc}[4:0mx`, [{ text: 'x', face: {} }]],
    ['a colour that is none', `${esc}[38;2;1;2;300mx`, [{ text: 'x', face: {} }]],
    ['a colour cut short', `${esc}[38;5mx`, [{ text: 'x', face: {} }]],
    ['a sequence cut short', `a${esc}[31`, [{ text: 'a', face: {} }]],
    ['other sequences', `a${esc}[2Kb${esc}[?25lc${esc}(Bd${esc}7e`, [{ text: 'abcde', face: {} }]],
    ['a title', `a${esc}]0;evil\x07b${esc}]8;;http://x${esc}\\c`, [{ text: 'abc', face: {} }]],
    ['a title without end', `a${esc}]0;rest`, [{ text: 'a0;rest', face: {} }]],
    ['controls and turned text', 'a\x00\x08\r\x7f\u202eb\tc', [{ text: 'ab\tc', face: {} }]],
    ['the sequence of one byte', '\x9b31mx', [{ text: 'x', face: { fg: 1 } }]],
  ])('reads %s', (_, line, spans) => {
    expect(parseAnsi(line)).toEqual(spans);
  });

  it('gives the text of any bytes, and no control character', () => {
    const alphabet = [esc, '[', ']', ';', ':', 'm', '3', '8', '2', '5', '\x07', '\\', 'a', ' ', '\t', 'P', '\x9b', '?', '(', 'é'];
    for (let seed = 0; seed < 3000; seed++) {
      const pick = random(seed);
      const line = Array.from({ length: pick(60) }, () => alphabet[pick(alphabet.length)]).join('');
      const text = parseAnsi(line).map((span) => span.text).join('');
      expect(text).toBe(stripAnsi(line));
      // eslint-disable-next-line no-control-regex
      expect(text).not.toMatch(/[\0-\x08\n-\x1f\x7f-\x9f]/);
    }
  });

  it('takes time in proportion to the line', () => {
    for (const part of [`${esc}]`, `${esc}[`, `${esc}[1;`, `${esc}[31m`, esc, `${esc}[31mx`, `${esc}P`]) {
      const line = part.repeat(50_000);
      const begun = performance.now();
      parseAnsi(line);
      expect(performance.now() - begun).toBeLessThan(2000); // squared it would be minutes
    }
  });
});
