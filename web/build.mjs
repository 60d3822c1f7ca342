// Builds both bundles in their places, or in the directory that is named.
import { join } from 'node:path';
import { build } from 'vite';

const dist = process.argv[2] ?? join(import.meta.dirname, 'dist');
for (const [bundle, config] of [['graphiql', 'vite.graphiql.js'], ['console', 'vite.config.js']]) {
  await build({
    configFile: join(import.meta.dirname, config),
    build: { outDir: join(dist, bundle) },
    logLevel: 'warn',
  });
}
