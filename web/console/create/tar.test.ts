// @vitest-environment node
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { pack, paxRecord } from './tar';

test('tar unpacks what was packed, long names and runnable files too', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'davit-tar-'));
  try {
    const long = `${'folder/'.repeat(20)}ä.txt`;
    const big = 'x'.repeat(100_001);
    const archive = await pack([
      { path: 'run.sh', file: new Blob(['#!/bin/sh\n']) },
      { path: long, file: new Blob([big]) },
      { path: 'empty', file: new Blob([]) },
    ]);
    writeFileSync(join(dir, 'a.tar.gz'), Buffer.from(await archive.arrayBuffer()));
    execFileSync('tar', ['-xzf', 'a.tar.gz'], { cwd: dir });
    expect(readFileSync(join(dir, long), 'utf8')).toBe(big);
    expect(readFileSync(join(dir, 'empty'), 'utf8')).toBe('');
    expect(statSync(join(dir, 'run.sh')).mode & 0o777).toBe(0o755);
    expect(statSync(join(dir, 'empty')).mode & 0o777).toBe(0o644);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test('a pax record counts its own digits', () => {
  for (const n of [1, 88, 89, 90, 91, 986, 987, 988]) {
    const record = paxRecord('path', 'x'.repeat(n));
    expect(record).toMatch(new RegExp(`^${record.length} path=`));
  }
});
