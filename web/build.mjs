// Builds the bundle in its place, or in the directory that is named.
import { join } from 'node:path';
import { build } from 'vite';

const outDir = process.argv[2];
await build({
  configFile: join(import.meta.dirname, 'vite.config.js'),
  build: outDir ? { outDir } : {},
  logLevel: 'warn',
});
