// Leaves out of a tar the folder that everything in it lies in. All else stays
// as it is: links, modes, and what the API refuses.

import { end, header, padding, paxRecord, sum } from './tar';

// A member is a file, folder or link of a tar, with the headers before its own.
type Member = { head: Uint8Array<ArrayBuffer>; kind: string; path: string; link: string; pax: Map<string, string>; body: Blob };

const block = 512;
const most = 1 << 20; // bytes of a header that is read
const decode = (bytes: Uint8Array) => new TextDecoder('utf-8', { fatal: true }).decode(bytes);
const bytesOf = async (blob: Blob) => new Uint8Array(await blob.arrayBuffer());
const text = (bytes: Uint8Array) => {
  const zero = bytes.indexOf(0);
  return decode(zero < 0 ? bytes : bytes.subarray(0, zero));
};

class Unreadable extends Error {}

function sizeOf(head: Uint8Array): number {
  const field = head.subarray(124, 136);
  const size = field[0] === 0x80 ? field.subarray(1).reduce((n, byte) => n * 256 + byte, 0) : parseInt(text(field).trim() || '0', 8);
  if (!Number.isSafeInteger(size) || size < 0) throw new Unreadable();
  return size;
}

function records(bytes: Uint8Array): Map<string, string> {
  const out = new Map<string, string>();
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const length = Number(decode(bytes.subarray(at, space)));
    if (space < 0 || !(length > 0)) throw new Unreadable();
    const [, key, value] = /^([^=]*)=([^]*)\n$/.exec(decode(bytes.subarray(space + 1, at + length))) ?? [];
    if (key === undefined || value === undefined) throw new Unreadable();
    out.set(key, value);
    at += length;
  }
  return out;
}

// members reads the headers of a tar.
async function members(tar: Blob): Promise<Member[]> {
  const out: Member[] = [];
  let pax = new Map<string, string>(); // of the next member
  for (let at = 0; at + block <= tar.size; ) {
    const head = await bytesOf(tar.slice(at, at + block));
    if (head.every((byte) => byte === 0)) return out;
    const kind = head[156] ? String.fromCharCode(head[156]) : '0';
    const bare = /[1-6]/.test(kind); // nothing follows it, whatever it says
    const size = bare ? 0 : Number(pax.get('size') ?? sizeOf(head));
    const next = at + block + Math.ceil(size / block) * block;
    if (!(next <= tar.size)) break;
    const body = tar.slice(at + block, next);
    at = next;
    if ('xLK'.includes(kind)) {
      if (size > most) throw new Unreadable();
      const bytes = (await bytesOf(body)).subarray(0, size);
      if (kind === 'x') for (const [key, value] of records(bytes)) pax.set(key, value);
      else pax.set(kind === 'L' ? 'path' : 'linkpath', text(bytes)); // as GNU has them
      continue;
    }
    const prefix = decode(head.subarray(257, 263)) === 'ustar\0' ? text(head.subarray(345, 500)) : '';
    const name = text(head.subarray(0, 100));
    out.push({ head, kind, path: pax.get('path') ?? (prefix ? `${prefix}/${name}` : name), link: pax.get('linkpath') ?? text(head.subarray(157, 257)), pax, body });
    pax = new Map();
  }
  throw new Unreadable(); // it has no end
}

const clean = (path: string) => path.replace(/^(\.\/+)+/, '').replace(/^\.$/, '');

// What tar of macOS puts beside a folder.
const noise = (path: string) => /^\._[^/]*$/.test(path);

function below(path: string, top: string): string {
  const whole = clean(path);
  if (!whole.startsWith(`${top}/`)) throw new Unreadable();
  return whole.slice(top.length + 1);
}

function written({ head, kind, path, link, pax, body }: Member): BlobPart[] {
  const extra = new Map([...pax].filter(([key]) => key !== 'path' && key !== 'linkpath'));
  const encode = (value: string) => new TextEncoder().encode(value);
  const [name, target] = [encode(path), encode(link)];
  if (name.length > 100) extra.set('path', path);
  if (target.length > 100) extra.set('linkpath', link);
  const own = new Uint8Array(head);
  own.fill(0, 0, 100).set(name.subarray(0, 100));
  if ('12'.includes(kind)) own.fill(0, 157, 257).set(target.subarray(0, 100), 157);
  if (own[262] === 0) own.fill(0, 345, 500); // its prefix; GNU has other things there
  sum(own);
  if (extra.size === 0) return [own, body];
  const bytes = encode([...extra].map(([key, value]) => paxRecord(key, value)).join(''));
  return [header(encode('././@PaxHeader'), bytes.length, 0o644, 'x'), bytes, padding(bytes.length), own, body];
}

// unwrapTar is a tar without the folder that everything in it lies in. It is
// null where there is no such folder, and where the API is to say what is wrong.
export async function unwrapTar(tar: Blob): Promise<Blob | null> {
  try {
    const all = (await members(tar)).filter((m) => m.kind === 'g' || !noise(clean(m.path)));
    const paths = all.filter((m) => m.kind !== 'g' && clean(m.path) !== '').map((m) => ({ path: clean(m.path), folder: m.kind === '5' }));
    const top = paths[0]?.path.split('/')[0] ?? '';
    if (!top || top === '..' || paths.every((p) => p.folder)) return null;
    if (!paths.every(({ path, folder }) => path.startsWith(`${top}/`) || (folder && path === top))) return null;
    const parts: BlobPart[] = [];
    for (const m of all) {
      if (m.kind === 'g') parts.push(m.head, m.body);
      else if (!['', top, `${top}/`].includes(clean(m.path))) parts.push(...written({ ...m, path: below(m.path, top), link: m.kind === '1' ? below(m.link, top) : m.link }));
    }
    return new Blob([...parts, end]);
  } catch {
    return null;
  }
}
