import ignore, { type Ignore } from 'ignore';
import type { Entry } from './tar';

const never = /(^|\/)(\.git|\.davit)(\/|$)/;

function parts(path: string): [string, string] {
  const cut = path.lastIndexOf('/');
  return cut < 0 ? ['', path] : [path.slice(0, cut + 1), path.slice(cut + 1)];
}

async function rules(files: readonly Entry[]): Promise<[string, Ignore][]> {
  const out: [string, Ignore][] = [];
  for (const { path, file } of files) {
    const [dir, name] = parts(path);
    if (name === '.gitignore') out.push([dir, ignore().add(await file.text())]);
    // Its patterns begin at the root, those of Git in any directory.
    if (path === '.dockerignore') {
      const lines = (await file.text()).split('\n').map((l) => l.trim()).filter((l) => l && !l.startsWith('#'));
      out.push(['', ignore().add(lines.map((l) => l.replace(/^(!?)\/?/, '$1/')))]);
    }
  }
  return out;
}

// keep leaves out what .gitignore and .dockerignore name, and always .git and
// .davit, as davit deploy does.
export async function keep(files: readonly Entry[]): Promise<Entry[]> {
  const wanted = files.filter((f) => !never.test(f.path));
  const all = await rules(wanted);
  return wanted.filter((f) => !all.some(([dir, rule]) => f.path.startsWith(dir) && rule.ignores(f.path.slice(dir.length))));
}

// chosen are the files of an input for folders, below the folder itself.
export const chosen = (files: FileList): Entry[] =>
  Array.from(files, (file) => ({ path: file.webkitRelativePath.split('/').slice(1).join('/') || file.name, file }));

async function walk(entry: FileSystemEntry, prefix: string, out: Entry[]): Promise<void> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => { (entry as FileSystemFileEntry).file(resolve, reject); });
    out.push({ path: prefix + entry.name, file });
    return;
  }
  if (never.test(entry.name)) return;
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    const list = await new Promise<FileSystemEntry[]>((resolve, reject) => { reader.readEntries(resolve, reject); });
    if (list.length === 0) return;
    for (const child of list) await walk(child, `${prefix}${entry.name}/`, out);
  }
}

// dropped are the files that were dropped: those of one folder are below it.
export async function dropped(items: DataTransferItemList): Promise<{ name: string; entries: Entry[] }> {
  const roots = Array.from(items, (item) => item.webkitGetAsEntry()).filter((e) => e !== null);
  const entries: Entry[] = [];
  for (const root of roots) await walk(root, '', entries);
  const [only] = roots;
  if (roots.length !== 1 || !only?.isDirectory) return { name: only?.name ?? 'upload', entries };
  return { name: only.name, entries: entries.map((e) => ({ ...e, path: e.path.slice(only.name.length + 1) })) };
}
