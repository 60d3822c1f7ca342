// Packs files into a gzipped tar (POSIX pax), as the API takes it.

// An Entry is a file, or a link, which leads to link.
export type Entry = { path: string; file: Blob; link?: string };

const block = 512;
const encode = (text: string) => new TextEncoder().encode(text);
const time = Date.UTC(2000, 0, 1) / 1000; // equal folders make equal archives
const runnable = [encode('#!'), Uint8Array.of(0x7f, 0x45, 0x4c, 0x46)]; // a script, or ELF

// sum writes the checksum of a header into it.
export function sum(header: Uint8Array): void {
  header.set(encode('        '), 148);
  header.set(encode(header.reduce((n, byte) => n + byte, 0).toString(8).padStart(6, '0') + '\0 '), 148);
}

export function header(name: Uint8Array, size: number, mode: number, type: string, link = new Uint8Array()): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(block);
  const put = (at: number, text: string | Uint8Array) => { out.set(typeof text === 'string' ? encode(text) : text, at); };
  const octal = (at: number, width: number, n: number) => { put(at, n.toString(8).padStart(width - 1, '0') + '\0'); };
  put(0, name.subarray(0, 100));
  octal(100, 8, mode);
  octal(108, 8, 0);
  octal(116, 8, 0);
  octal(124, 12, size);
  octal(136, 12, time);
  put(156, type);
  put(157, link.subarray(0, 100));
  put(257, 'ustar\x0000');
  sum(out);
  return out;
}

export const padding = (size: number) => new Uint8Array((block - (size % block)) % block);

// A record of pax says its own length, its digits included.
export function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const bytes = encode(rest).length;
  let length = bytes;
  while (length !== bytes + String(length).length) length = bytes + String(length).length;
  return `${length}${rest}`;
}

export const end = new Uint8Array(2 * block);

async function* blocks(entries: readonly Entry[]): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (const { path, file, link = '' } of entries) {
    const [name, target] = [encode(path), encode(link)];
    const records = encode((name.length > 100 ? paxRecord('path', path) : '') + (target.length > 100 ? paxRecord('linkpath', link) : ''));
    if (records.length > 0) {
      yield header(encode('././@PaxHeader'), records.length, 0o644, 'x');
      yield records;
      yield padding(records.length);
    }
    if (link) {
      yield header(name, 0, 0o777, '2', target);
      continue;
    }
    const head = new Uint8Array(await file.slice(0, 4).arrayBuffer());
    const starts = runnable.some((magic) => magic.every((byte, i) => head[i] === byte));
    yield header(name, file.size, starts ? 0o755 : 0o644, '0');
    const reader = file.stream().getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) yield part.value;
    yield padding(file.size);
  }
  yield end;
}

// pack makes the archive. Who reads while a file changes gets an error.
export async function pack(entries: readonly Entry[]): Promise<Blob> {
  const source = blocks([...entries].sort((a, b) => (a.path < b.path ? -1 : 1)));
  const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      const next = await source.next();
      if (next.done) controller.close();
      else if (next.value.length > 0) controller.enqueue(next.value);
      else await this.pull?.(controller);
    },
  });
  return await new Response(stream.pipeThrough(new CompressionStream('gzip'))).blob();
}
