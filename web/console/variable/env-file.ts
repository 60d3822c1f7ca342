export type Pair = { name: string; value: string };
export type Parsed = { pairs: Pair[]; problem: string | null };

const assignment = /^(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*/;
const escapes: Record<string, string> = { n: '\n', r: '\r', t: '\t' };

// parseEnv reads the .env format: NAME=VALUE lines, comments, values in single
// quotes as they are and in double quotes with \n and the like; both may go over
// lines. $NAME is not looked up. Where a name comes twice, the last counts. The
// problem never quotes a value.
export function parseEnv(text: string): Parsed {
  const found = new Map<string, string>();
  let rest = text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n');
  let line = 1;
  const eat = (length: number) => {
    line += rest.slice(0, length).split('\n').length - 1;
    rest = rest.slice(length);
  };
  for (;;) {
    eat(/^(?:\s|#[^\n]*)*/.exec(rest)?.[0].length ?? 0);
    if (!rest) return { pairs: [...found].map(([name, value]) => ({ name, value })), problem: null };
    const head = assignment.exec(rest.split('\n', 1)[0] ?? '');
    if (!head?.[1]) return { pairs: [], problem: `Line ${line} is not of the form NAME=VALUE.` };
    eat(head[0].length);
    const quote = rest.charAt(0);
    if (quote === '"' || quote === "'") {
      const quoted = (quote === '"' ? /^"((?:[^"\\]|\\[^])*)"/ : /^'([^']*)'/).exec(rest);
      if (!quoted) return { pairs: [], problem: `The quote in line ${line} is not closed.` };
      const inner = quoted[1] ?? '';
      found.set(head[1], quote === "'" ? inner : inner.replace(/\\([^])/g, (_, c: string) => escapes[c] ?? c));
      eat(quoted[0].length);
      const tail = /^[^\n]*/.exec(rest)?.[0] ?? '';
      if (!/^\s*(#.*)?$/.test(tail)) return { pairs: [], problem: `Something follows the quote in line ${line}.` };
      eat(tail.length);
      continue;
    }
    const plain = /^[^\n]*/.exec(rest)?.[0] ?? '';
    found.set(head[1], plain.replace(/(^|\s)#.*$/, '').trim());
    eat(plain.length);
  }
}
