// The examples of the project as a module: texts by path, by example. They are
// in ../examples or $EXAMPLES.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const name = 'virtual:examples';
const dir = process.env.EXAMPLES ?? join(import.meta.dirname, '..', 'examples');

const filesOf = (example) =>
  readdirSync(join(dir, example), { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile() && !file.name.endsWith('_test.go'))
    .map((file) => join(file.parentPath, file.name).slice(join(dir, example).length + 1))
    .sort()
    .map((path) => [path, readFileSync(join(dir, example, path), 'utf8')]);

export const examples = (...names) => ({
  name: 'davit-examples',
  resolveId: (id) => (id === name ? `\0${name}` : undefined),
  load: (id) =>
    id === `\0${name}` ? `export default ${JSON.stringify(Object.fromEntries(names.map((n) => [n, Object.fromEntries(filesOf(n))])))};` : undefined,
});
