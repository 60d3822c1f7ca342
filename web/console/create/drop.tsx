import { FolderUp, PackageCheck } from 'lucide-react';
import { useRef, useState } from 'react';
import { Button } from '../ui/button';
import { count } from '../ui/count';
import { cx } from '../ui/cx';
import { bytes } from '../ui/size';
import { baseOf, isArchive, limits, unpack } from './archive';
import { chosen, dropped, keep } from './folder';
import { pack, type Entry } from './tar';

// Source is what is to be sent, packed.
export type Source = { name: string; archive: Blob; files: number | null };

async function packed(name: string, entries: readonly Entry[]): Promise<Source> {
  const wanted = await keep(entries);
  if (wanted.length === 0) throw new Error('There is nothing in it: it is empty, or everything in it is ignored.');
  if (wanted.length > limits.files) throw new Error(`It has more than ${limits.files} files.`);
  return { name: `${name}.tar.gz`, archive: await pack(wanted), files: wanted.length };
}

// read makes what is to be sent of a folder, of files, or of an archive alone.
export async function read(name: string, entries: readonly Entry[]): Promise<Source> {
  const [only] = entries;
  if (entries.length !== 1 || !only || !isArchive(only.path)) return await packed(name, entries);
  const base = baseOf(only.path);
  const found = await unpack(new File([only.file], only.path));
  return 'archive' in found ? { name: `${base}.tar.gz`, archive: found.archive, files: null } : await packed(base, found.entries);
}

// Drop takes a folder, or an archive of one, and packs it.
export function Drop({ source, onSource }: { source: Source | undefined; onSource: (source: Source | undefined) => void }) {
  const folder = useRef<HTMLInputElement>(null);
  const archive = useRef<HTMLInputElement>(null);
  const turn = useRef(0);
  const [over, setOver] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const take = async (from: Promise<{ name: string; entries: Entry[] }>) => {
    const mine = ++turn.current;
    setBusy(true);
    setProblem(null);
    onSource(undefined);
    try {
      const { name, entries } = await from;
      const next = await read(name, entries);
      if (mine !== turn.current) return; // another was chosen meanwhile
      onSource(next);
    } catch (error) {
      if (mine !== turn.current) return;
      setProblem(error instanceof Error ? error.message : 'It cannot be read.');
    }
    setBusy(false);
  };
  const onFiles = (input: HTMLInputElement) => {
    const { files } = input;
    if (!files?.length) return;
    const name = files[0]?.webkitRelativePath.split('/')[0] || 'upload';
    const entries = chosen(files);
    input.value = ''; // so that the same can be chosen again
    void take(Promise.resolve({ name, entries }));
  };
  return (
    <div
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => { setOver(false); }}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        void take(dropped(event.dataTransfer.items));
      }}
      className={cx(
        'flex flex-col items-center gap-3 rounded-xl border border-dashed px-6 py-9 text-center transition-colors',
        over ? 'border-accent bg-accent/8' : 'border-line-strong bg-sunken',
      )}
    >
      {source ? <PackageCheck aria-hidden className="size-6 text-good" /> : <FolderUp aria-hidden className="size-6 text-muted" />}
      <div role="status">
        {busy ? (
          <p className="font-medium">Packing…</p>
        ) : source ? (
          <>
            <p className="font-medium wrap-anywhere">{source.name}</p>
            <p className="text-[13px] text-muted">
              {source.files !== null && `${count(source.files, 'file')}, `}
              {bytes(source.archive.size)} packed
            </p>
          </>
        ) : (
          <>
            <p className="font-medium">Drop a folder here, or an archive of one</p>
            <p className="text-[13px] text-muted">A folder that everything in an archive lies in is left out.</p>
            <p className="text-[13px] text-muted">What .gitignore and .dockerignore name stays here, and so does .git; a .tar and a .tar.gz are sent whole.</p>
          </>
        )}
      </div>
      <div className="flex flex-wrap justify-center gap-2">
        <Button size="small" onClick={() => folder.current?.click()}>Choose a folder</Button>
        <Button size="small" onClick={() => archive.current?.click()}>Choose an archive</Button>
      </div>
      {problem && <p role="alert" className="text-[13px] text-bad wrap-anywhere">{problem}</p>}
      <input ref={folder} type="file" webkitdirectory="" aria-label="Folder to upload" tabIndex={-1} className="hidden" onChange={(e) => { onFiles(e.target); }} />
      <input ref={archive} type="file" accept=".tgz,.gz,.tar,.zip,application/gzip,application/x-tar,application/zip" aria-label="Archive to upload" tabIndex={-1} className="hidden" onChange={(e) => { onFiles(e.target); }} />
    </div>
  );
}
