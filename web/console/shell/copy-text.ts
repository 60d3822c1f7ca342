// What a form is about to ask the API, as text for programs.

const hidden = ['token', 'password', 'content'];

// withoutSecrets is a value in which what nobody is to read is left out: what
// is copied here ends in chats and files.
export function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (typeof value !== 'object' || value === null) return value;
  const secret = 'secret' in value && value.secret === true;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]: [string, unknown]) =>
      [key, typeof inner === 'string' && (hidden.includes(key) || (secret && key === 'value')) ? '…' : withoutSecrets(inner)]),
  );
}

// words are the words of a command line, quoted where a shell needs that.
export const words = (list: readonly string[]) =>
  list.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ');

// split splits a command line into words, as a shell would that looks nothing
// up; null where a quote is not closed.
export function split(text: string): string[] | null {
  const out: string[] = [];
  const token = /\s+|'([^']*)'|"((?:[^"\\]|\\[^])*)"|\\([^])|([^\s'"\\]+)|([^])/gy;
  let word: string | undefined;
  for (const [all, single, double, escaped, plain, rest] of text.matchAll(token)) {
    if (rest !== undefined) return null;
    if (/^\s/.test(all)) {
      if (word !== undefined) out.push(word);
      word = undefined;
    } else {
      word = (word ?? '') + (single ?? double?.replace(/\\(["\\$`])/g, '$1') ?? escaped ?? plain ?? '');
    }
  }
  if (word !== undefined) out.push(word);
  return out;
}
