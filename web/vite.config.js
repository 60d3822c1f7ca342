import tailwindcss from '@tailwindcss/vite';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { compress } from './compress.js';
import { examples } from './examples.js';

// While one works on it ("npm run dev"), a davit serve at DAVIT_SERVER answers
// what is not a page, to whom DAVIT_TOKEN says.
const server = process.env.DAVIT_SERVER ?? 'http://127.0.0.1:7070';
const token = process.env.DAVIT_TOKEN;
const api = {
  target: server,
  ws: true,
  changeOrigin: true,
  headers: { origin: server, ...(token && { authorization: `Bearer ${token}` }) },
};

export default defineConfig({
  root: join(import.meta.dirname, 'console'),
  plugins: [tailwindcss(), compress(), examples('static-site', 'hello-go')],
  server: { proxy: { '/graphql': api, '/uploads': api, '/schema.graphql': api, '/graphiql': api } },
  build: {
    outDir: '../dist/console',
    emptyOutDir: true,
    target: 'es2022',
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'], // the first that know light-dark()
    modulePreload: { polyfill: false }, // an inline script, which the policy of content forbids
    assetsInlineLimit: 0,
    license: { fileName: 'licenses.md' },
    rolldownOptions: {
      checks: { moduleLevelDirective: false },
      // what several pages have in common, and would be a request each
      output: { codeSplitting: { groups: [{ name: 'icons', test: /lucide-react/, minShareCount: 2 }, { name: 'common', test: /console\/(api|ui)\//, minShareCount: 6 }] } },
    },
  },
  // one page for all files: a page each costs four times as much processor
  test: { environment: 'happy-dom', isolate: false, testTimeout: 60_000, include: ['**/*.test.{ts,tsx}'] },
});
