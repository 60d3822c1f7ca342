// Archives that a browser unpacks or packs before they are sent.
import type { Entry } from './tar';
import { unwrapTar } from './untar';

// Limits are what the API takes of a source.
export const limits = { archive: 512 << 20, total: 2 ** 31, files: 200_000, depth: 64 };

const tarball = /\.(tar\.gz|tgz)$/i;
export const isArchive = (name: string) => tarball.test(name) || /\.(tar|zip)$/i.test(name);

// baseOf is the name of an archive without what says of which kind it is.
export const baseOf = (name: string) => name.replace(tarball, '').replace(/\.(tar|zip)$/i, '');

// pathProblem is why a path cannot be in a source, null if it can. What would
// lead out of the folder is refused, and never made harmless.
export function pathProblem(path: string): string | null {
  const parts = path.split('/');
  if (/[\p{Cc}\ufffd]/u.test(path)) return 'has a character in its name that cannot be printed';
  if (path.startsWith('/') || path.includes('\\') || /^[A-Za-z]:/.test(path)) return 'is an absolute path, or one of Windows';
  if (parts.includes('..')) return 'leads out of the folder';
  if (parts.some((part) => part === '' || part === '.')) return 'is no clean path';
  if (parts.length > limits.depth) return `lies more than ${limits.depth} folders deep`;
  return null;
}

// unwrap leaves out a folder that everything lies in, as archives of forges have.
export function unwrap(entries: readonly Entry[]): Entry[] {
  const top = entries[0]?.path.split('/')[0] ?? '';
  if (entries.length === 0 || !entries.every((e) => e.path.startsWith(`${top}/`))) return [...entries];
  return entries.map((e) => ({ ...e, path: e.path.slice(top.length + 1) }));
}

// Unpacked is an archive as it is to be sent: a gzipped tar, or files to pack.
export type Unpacked = { archive: Blob } | { entries: Entry[] };

// unpack reads an archive of any kind that isArchive knows.
export async function unpack(file: File): Promise<Unpacked> {
  if (file.size > limits.archive) throw new Error('An archive has at most 512 MiB.');
  if (tarball.test(file.name)) return { archive: await unwrapped(await gzipped(file)) };
  if (/\.tar$/i.test(file.name)) return { archive: await zipped((await unwrapTar(file)) ?? file) };
  const { unzip } = await import('./zip'); // only who sends one needs it
  return { entries: unwrap(await unzip(file)) };
}

async function gzipped(file: File): Promise<Blob> {
  const [a, b] = new Uint8Array(await file.slice(0, 2).arrayBuffer());
  if (a !== 0x1f || b !== 0x8b) throw new Error(`${file.name} is not a gzipped tar, whatever it is called.`);
  return file;
}

const zipped = (tar: Blob) => new Response(tar.stream().pipeThrough(new CompressionStream('gzip'))).blob();

// bounded fails once more bytes went through.
function bounded(most: number) {
  let seen = 0;
  return new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(part, controller) {
      seen += part.length;
      if (seen > most) controller.error(new Error('It is too large.'));
      else controller.enqueue(part);
    },
  });
}

// unwrapped is a gzipped tar without a folder that everything lies in. What is
// damaged is sent as it is: the API says so.
async function unwrapped(file: Blob): Promise<Blob> {
  const tar = new Response(file.stream().pipeThrough(new DecompressionStream('gzip')).pipeThrough(bounded(limits.total))).blob();
  const inner = await tar.then(unwrapTar).catch(() => null);
  return inner ? await zipped(inner) : file;
}
