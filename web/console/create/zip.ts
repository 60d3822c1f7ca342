import { strFromU8, Unzip, UnzipInflate } from 'fflate';
import { limits, pathProblem } from './archive';
import type { Entry } from './tar';

const damaged = 'The archive cannot be read: it is damaged, encrypted, or no zip.';

const directoryMost = 64 << 20; // bytes
const linkMost = 4096; // bytes a link leads to, as Linux has it

// What macOS puts beside the files.
const noise = /^__MACOSX\/|(^|\/)\.DS_Store$/;

type Directory = { entries: number; links: Set<string> };

// directoryOf reads what a zip ends with: its directory, which says what is a
// link, and a record that says where that is. What was cut off has none. A
// comment may follow; numbers that are too large for it are in another record.
async function directoryOf(file: Blob): Promise<Directory> {
  const tail = await view(file.slice(-65_577));
  let at = tail.byteLength - 22;
  while (at >= 0 && tail.getUint32(at) !== 0x504b0506) at--;
  if (at < 0) throw new Error(damaged);
  let [entries, size] = [tail.getUint16(at + 10, true), tail.getUint32(at + 12, true)];
  let from = file.size - tail.byteLength + at - size; // what comes before the zip does not matter
  if (at >= 20 && tail.getUint32(at - 20) === 0x504b0607) {
    const offset = Number(tail.getBigUint64(at - 12, true));
    const large = await view(file.slice(offset, offset + 56));
    if (large.byteLength < 56 || large.getUint32(0) !== 0x504b0606) throw new Error(damaged);
    [entries, size, from] = [32, 40, 48].map((field) => Number(large.getBigUint64(field, true))) as [number, number, number];
  }
  if (size > directoryMost) throw new Error(damaged);
  return { entries, links: linksIn(await view(file.slice(from, from + size)), entries) };
}

const view = async (part: Blob) => new DataView(await part.arrayBuffer());

function linksIn(directory: DataView<ArrayBuffer>, entries: number): Set<string> {
  const links = new Set<string>();
  let at = 0;
  for (let i = 0; i < entries; i++) {
    if (at + 46 > directory.byteLength || directory.getUint32(at) !== 0x504b0102) throw new Error(damaged);
    const [name, extra, comment] = [28, 30, 32].map((field) => directory.getUint16(at + field, true)) as [number, number, number];
    const utf8 = (directory.getUint16(at + 8, true) & 0x800) !== 0;
    const mode = directory.getUint16(at + 40, true); // where Unix made it
    if ((mode & 0o170000) === 0o120000) links.add(strFromU8(new Uint8Array(directory.buffer, at + 46, name), !utf8));
    at += 46 + name + extra + comment;
  }
  return links;
}

// unzip reads the files of a zip, a part at a time. It throws what a person may
// read if a path leads out of the folder, or there is more than the API takes.
// A link stays one: the API says whether it leads out.
export async function unzip(file: Blob, most = limits): Promise<Entry[]> {
  const out = new Map<string, Entry>();
  const { entries: counted, links } = await directoryOf(file);
  let seen = 0;
  let total = 0;
  let files = 0;
  let open = 0;
  let problem: string | undefined;
  const reader = new Unzip((entry) => {
    seen++;
    if (problem !== undefined || entry.name.endsWith('/') || noise.test(entry.name)) return;
    const wrong = pathProblem(entry.name);
    if (wrong) problem = `The archive has ${JSON.stringify(entry.name.slice(0, 120))}, which ${wrong}.`;
    else if (++files > most.files) problem = `The archive has more than ${most.files} files.`;
    if (problem !== undefined) return;
    const parts: Uint8Array<ArrayBuffer>[] = [];
    open++;
    entry.ondata = (error, part, last) => {
      if (error) problem ??= damaged;
      else total += part.length;
      if (total > most.total) problem ??= `The files of the archive are larger than ${most.total / (1 << 20)} MiB.`;
      if (problem !== undefined) return;
      parts.push(part.slice());
      if (!last) return;
      open--;
      out.set(entry.name, { path: entry.name, file: new Blob(parts) });
    };
    entry.start();
  });
  reader.register(UnzipInflate);
  const stream = file.stream().getReader();
  try {
    for (let part = await stream.read(); !part.done && problem === undefined; part = await stream.read()) reader.push(part.value);
    if (problem === undefined) reader.push(new Uint8Array(0), true);
  } catch {
    problem ??= damaged;
  }
  await stream.cancel();
  if (problem === undefined && (open > 0 || out.size === 0 || seen !== counted)) problem = damaged;
  if (problem !== undefined) throw new Error(problem);
  return await Promise.all([...out.values()].map(async (e) => (links.has(e.path) ? await linkOf(e) : e)));
}

// linkOf makes a link of what holds where it leads.
async function linkOf({ path, file }: Entry): Promise<Entry> {
  const link = file.size > linkMost ? '' : await file.text();
  if (!link || /[\p{Cc}\ufffd]/u.test(link)) throw new Error(`The archive has a link, ${JSON.stringify(path.slice(0, 120))}, that leads nowhere.`);
  return { path, file: new Blob(), link };
}
