import { render } from '@testing-library/react';
import { describe, expect, it } from 'vitest';

import { parseAnsi } from './ansi';
import { random } from './fakeserver';
import { Ansi, pieces, rangesOf } from './text';

const esc = '\x1b';

describe('a line', () => {
  it('has its colours and what was looked for', () => {
    const { container } = render(<Ansi text={`${esc}[31mred ${esc}[1mbold${esc}[0m <b>`} marks={[/d b/g, /</g]} />);
    expect(container.textContent).toBe('red bold <b>');
    expect(Array.from(container.querySelectorAll('mark'), (m) => m.textContent)).toEqual(['d ', 'b', '<']);
    expect(container.querySelector('b')).toBeNull();
    expect(container.querySelector('span')?.style.color).toBe('var(--ansi-1)');
  });

  it('is whole, whatever is marked', () => {
    for (let seed = 0; seed < 500; seed++) {
      const pick = random(seed);
      const text = Array.from({ length: pick(40) }, () => ['a', 'b', ' ', `${esc}[3${pick(8)}m`][pick(4)]).join('');
      const spans = parseAnsi(text);
      const plain = spans.map((s) => s.text).join('');
      const ranges = rangesOf(plain, [/ab/g, /b+/g, /x*/g]);
      const cut = pieces(spans, ranges);
      expect(cut.map((p) => p.text).join('')).toBe(plain);
      const marked = new Set(ranges.flatMap(([from, to]) => Array.from({ length: to - from }, (_, i) => from + i)));
      expect(cut.flatMap((p) => Array.from(p.text, () => p.marked))).toEqual(Array.from(plain, (_, i) => marked.has(i)));
    }
  });
});
