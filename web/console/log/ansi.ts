// Colours and faces of terminals, as far as logs have them: SGR sequences of
// ECMA-48 with the colours of xterm. Everything else that a terminal would obey
// is left out. What programs print is hostile: time and memory are linear in it.

export interface Face {
  fg?: number | string; // 0 to 15, or a colour of CSS
  bg?: number | string;
  bold?: true;
  dim?: true;
  italic?: true;
  underline?: true;
  strike?: true;
  inverse?: true;
}

export interface Span {
  text: string;
  face: Face;
}

const plain: Face = Object.freeze({});

// parseAnsi splits a line into spans of one face each. Joined, their texts are
// stripAnsi of the line.
export function parseAnsi(line: string): Span[] {
  if (!suspect.test(line)) return line === '' ? [] : [{ text: line, face: plain }];
  const spans: Span[] = [];
  let face = plain;
  let text = '';
  scan(
    line,
    (part) => (text += part),
    (params) => {
      const next = applySgr(face, params);
      if (text !== '') spans.push({ text, face });
      text = '';
      face = next;
    },
  );
  if (text !== '') spans.push({ text, face });
  return spans;
}

// stripAnsi is the text of a line, as it is searched and copied.
export function stripAnsi(line: string): string {
  if (!suspect.test(line)) return line;
  let text = '';
  scan(
    line,
    (part) => (text += part),
    () => undefined,
  );
  return text;
}

// Control characters but tab, of both sets, and those that turn the direction
// of what follows: a line must not be able to look like another one.
// eslint-disable-next-line no-control-regex
const suspect = /[\0-\x08\n-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/;
const suspects = new RegExp(suspect.source, 'g');

function scan(line: string, onText: (part: string) => void, onSgr: (params: string) => void) {
  let stringsEnd = true; // whether a string sequence that begins here may still end
  let at = 0;
  suspects.lastIndex = 0;
  for (let hit = suspects.exec(line); hit; hit = suspects.exec(line)) {
    if (hit.index > at) onText(line.slice(at, hit.index));
    at = hit.index + 1;
    const code = line.charCodeAt(hit.index);
    const next = line[at];
    if (code === 0x9b || (code === 0x1b && next === '[')) {
      const start = code === 0x9b ? at : at + 1;
      const end = endOfCsi(line, start);
      if (line[end] === 'm') onSgr(line.slice(start, end));
      at = Math.min(isFinal(line.charCodeAt(end)) ? end + 1 : end, line.length);
    } else if (code === 0x1b && next !== undefined && ']PX^_'.includes(next)) {
      const end: number = stringsEnd ? endOfString(line, at + 1) : -1;
      stringsEnd = end !== -1;
      at = stringsEnd ? end : at + 1;
    } else if (code === 0x1b && next !== undefined && next >= '\x20' && next <= '\x2f') {
      at = Math.min(at + 2, line.length); // a character set
    } else if (code === 0x1b && next !== undefined && next >= '\x30' && next <= '\x7e') {
      at += 1;
    }
    suspects.lastIndex = at;
  }
  if (at < line.length) onText(line.slice(at));
}

const isFinal = (code: number) => code >= 0x40 && code <= 0x7e;

function endOfCsi(line: string, at: number): number {
  while (at < line.length && line.charCodeAt(at) >= 0x20 && line.charCodeAt(at) <= 0x3f) at++;
  return at;
}

// endOfString is behind the BEL or ST that ends a string sequence, -1 if none does.
function endOfString(line: string, at: number): number {
  for (; at < line.length; at++) {
    const code = line.charCodeAt(at);
    if (code === 0x07 || code === 0x9c) return at + 1;
    if (code === 0x1b && line[at + 1] === '\\') return at + 2;
  }
  return -1;
}

// applySgr is the face after the parameters of a sequence. Those nobody knows change nothing.
function applySgr(before: Face, params: string): Face {
  if (/[^\d;:]/.test(params)) return before; // a private sequence
  let face: Face = { ...before };
  const codes = params.split(';');
  for (let i = 0; i < codes.length; i++) {
    const [head = '', ...sub] = (codes[i] ?? '').split(':');
    const code = Number(head);
    if (code === 0) face = {};
    else if (code === 38 || code === 48) {
      const key = code === 38 ? 'fg' : 'bg';
      let colour: number | string | undefined;
      if (sub.length > 0) {
        // 38:2::R:G:B has a colour space that 38:2:R:G:B leaves out.
        colour = colourOf(sub[0] === '2' && sub.length > 4 ? ['2', ...sub.slice(2)] : sub);
      } else {
        colour = colourOf(codes.slice(i + 1, i + 5));
        i += codes[i + 1] === '2' ? 4 : 2;
      }
      if (colour !== undefined) face[key] = colour;
    } else setFace(face, code, sub[0]);
  }
  return face;
}

function setFace(face: Face, code: number, sub: string | undefined) {
  if (code >= 30 && code <= 37) face.fg = code - 30;
  else if (code >= 90 && code <= 97) face.fg = code - 82;
  else if (code >= 40 && code <= 47) face.bg = code - 40;
  else if (code >= 100 && code <= 107) face.bg = code - 92;
  else if (code === 1) face.bold = true;
  else if (code === 2) face.dim = true;
  else if (code === 3) face.italic = true;
  else if (code === 4 && sub !== '0') face.underline = true;
  else if (code === 21) face.underline = true;
  else if (code === 7) face.inverse = true;
  else if (code === 9) face.strike = true;
  else for (const key of resets[code] ?? []) Reflect.deleteProperty(face, key);
}

const resets: Readonly<Record<number, (keyof Face)[]>> = {
  4: ['underline'],
  22: ['bold', 'dim'],
  23: ['italic'],
  24: ['underline'],
  27: ['inverse'],
  29: ['strike'],
  39: ['fg'],
  49: ['bg'],
};

// colourOf reads 5;N or 2;R;G;B, undefined if it is neither.
function colourOf(args: string[]): number | string | undefined {
  const [kind, ...rest] = args.map((a) => (a === '' ? 0 : Number(a)));
  if (kind === 2 && rest.length >= 3 && rest.slice(0, 3).every((c) => c <= 255)) {
    return `rgb(${rest[0]} ${rest[1]} ${rest[2]})`;
  }
  const n = rest[0];
  if (kind !== 5 || n === undefined || n > 255) return undefined;
  if (n < 16) return n;
  if (n >= 232) return `rgb(${8 + 10 * (n - 232)} ${8 + 10 * (n - 232)} ${8 + 10 * (n - 232)})`;
  const level = (c: number) => (c === 0 ? 0 : 55 + 40 * c);
  const cube = n - 16;
  return `rgb(${level(Math.floor(cube / 36))} ${level(Math.floor(cube / 6) % 6)} ${level(cube % 6)})`;
}
