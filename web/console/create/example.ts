// The examples of the project, as they lie in its repository. They are small and
// come with the console, so that they need no internet to be sent.
import files from 'virtual:examples';
import type { Source } from './drop';
import { pack, type Entry } from './tar';

// entriesOf are the files of an example.
export const entriesOf = (name: string): Entry[] =>
  Object.entries(files[name] ?? {}).map(([path, text]) => ({ path, file: new Blob([text]) }));

// packExample makes what is to be sent of an example.
export async function packExample(name: string): Promise<Source> {
  const entries = entriesOf(name);
  return { name: `${name}.tar.gz`, archive: await pack(entries), files: entries.length };
}
