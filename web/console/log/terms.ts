// The words of a filter, and where they stand.

export interface Problem {
  from: number;
  to: number;
  message: string;
}

export interface Term {
  kind: 'text' | 'regex' | 'field';
  not: boolean;
  key: 'level' | 'stream' | 'replica' | ''; // of a field
  value: string;
  flags: '' | 'i'; // of a regex
  from: number;
  to: number;
}

const fields = ['level', 'stream', 'replica'] as const;

// tokenize splits a filter into its terms. What it cannot read is a problem.
export function tokenize(input: string): { terms: Term[]; problems: Problem[] } {
  const terms: Term[] = [];
  const problems: Problem[] = [];
  let at = 0;
  while (at < input.length) {
    if (/\s/.test(input.charAt(at))) {
      at++;
      continue;
    }
    const from = at;
    const not = input[at] === '-' && at + 1 < input.length && !/\s/.test(input.charAt(at + 1));
    if (not) at++;
    const term: Term = { kind: 'text', not, key: '', value: '', flags: '', from, to: at };
    const quote = input.charAt(at);
    if (quote === '"' || quote === '/') {
      const end = endOfQuoted(input, at, quote);
      if (end === -1) {
        problems.push({ from, to: input.length, message: quote === '"' ? 'The text has no end: close it with ".' : 'The expression has no end: close it with /.' });
        break;
      }
      const inner = input.slice(at + 1, end);
      at = end + 1;
      if (quote === '"') term.value = inner.replace(/\\([\\"])/g, '$1');
      else {
        term.kind = 'regex';
        term.value = inner;
        if (input[at] === 'i') {
          term.flags = 'i';
          at++;
        }
      }
    } else {
      while (at < input.length && !/[\s"]/.test(input.charAt(at))) at++;
      term.value = input.slice(not ? from + 1 : from, at);
      const key = fields.find((f) => term.value.toLowerCase().startsWith(`${f}:`));
      if (key) {
        term.kind = 'field';
        term.key = key;
        term.value = term.value.slice(key.length + 1);
      }
    }
    term.to = at;
    if (term.value !== '') terms.push(term);
    else problems.push({ from, to: at, message: term.key ? `Say which ${term.key}.` : 'There is nothing to look for.' });
  }
  return { terms, problems };
}

function endOfQuoted(input: string, start: number, quote: string): number {
  for (let i = start + 1; i < input.length; i++) {
    if (input[i] === '\\') i++;
    else if (input[i] === quote) return i;
  }
  return -1;
}
