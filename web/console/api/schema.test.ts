// @vitest-environment node
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';

test('the console knows the SDL as it is: run npm run schema', () => {
  const dir = mkdtempSync(join(tmpdir(), 'davit-schema-'));
  try {
    execFileSync('node', [join(import.meta.dirname, '..', '..', 'schema.mjs'), dir]);
    for (const name of ['schema.d.ts', 'types.ts']) {
      expect(readFileSync(join(import.meta.dirname, name), 'utf8')).toBe(readFileSync(join(dir, name), 'utf8'));
    }
  } finally {
    rmSync(dir, { recursive: true });
  }
});
