// @vitest-environment node
import { execFileSync } from 'node:child_process';
import { chmodSync, linkSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { strToU8, zipSync } from 'fflate';
import { expect, test } from 'vitest';
import { baseOf, isArchive, limits, pathProblem, unpack, unwrap } from './archive';
import { read } from './drop';
import { unzip } from './zip';

const zip = (files: Record<string, string>) => new File([zipSync(Object.fromEntries(Object.entries(files).map(([k, v]) => [k, strToU8(v)])))], 'shop.zip');
const names = (entries: readonly { path: string }[]) => entries.map((e) => e.path).sort();

async function listed(archive: Blob): Promise<string[]> {
  const dir = mkdtempSync(join(tmpdir(), 'davit-archive-'));
  try {
    writeFileSync(join(dir, 'a.tar.gz'), Buffer.from(await archive.arrayBuffer()));
    return execFileSync('tar', ['-tzf', 'a.tar.gz'], { cwd: dir, encoding: 'utf8' }).trim().split('\n').sort();
  } finally {
    rmSync(dir, { recursive: true });
  }
}

// unpacked says what tar makes of an archive: each file with what it holds, each
// link with where it leads.
async function unpacked(archive: Blob): Promise<Record<string, string>> {
  const dir = mkdtempSync(join(tmpdir(), 'davit-archive-'));
  try {
    execFileSync('tar', ['-xzf', '-', '-C', dir], { input: Buffer.from(await archive.arrayBuffer()) });
    const out: Record<string, string> = {};
    for (const name of readdirSync(dir, { recursive: true, encoding: 'utf8' })) {
      const stat = lstatSync(join(dir, name));
      if (stat.isSymbolicLink()) out[name] = `-> ${readlinkSync(join(dir, name))}`;
      else if (stat.isFile()) out[name] = `${readFileSync(join(dir, name), 'utf8')}${stat.mode & 0o100 ? ' runs' : ''}${stat.nlink > 1 ? ' linked' : ''}`;
    }
    return out;
  } finally {
    rmSync(dir, { recursive: true });
  }
}

// tarball is what tar makes of shop, a folder with all there can be, and perhaps a file beside it.
function tarball(args: string[], beside?: string): File {
  const dir = mkdtempSync(join(tmpdir(), 'davit-archive-'));
  try {
    mkdirSync(join(dir, 'shop', deep), { recursive: true });
    writeFileSync(join(dir, 'shop/index.html'), '<p>');
    writeFileSync(join(dir, 'shop/run'), 'sh');
    chmodSync(join(dir, 'shop/run'), 0o755);
    writeFileSync(join(dir, 'shop', deep, 'ä'), 'a');
    symlinkSync(`${deep}/ä`, join(dir, 'shop/link'));
    linkSync(join(dir, 'shop', deep, 'ä'), join(dir, 'shop/hard'));
    if (beside) writeFileSync(join(dir, beside), '');
    return new File([execFileSync('tar', ['-cz', ...args], { cwd: dir })], 'shop.tar.gz');
  } finally {
    rmSync(dir, { recursive: true });
  }
}
const deep = `${'folder/'.repeat(16)}end`;
const shop = { 'index.html': '<p>', run: 'sh runs', [`${deep}/ä`]: 'a linked', link: `-> ${deep}/ä`, hard: 'a linked' };

test('an archive is known by its name', () => {
  expect(['a.tar.gz', 'a.TGZ', 'a.tar', 'a.zip'].map(isArchive)).toEqual([true, true, true, true]);
  expect(['a.gz', 'zip', 'a.zip.txt'].map(isArchive)).toEqual([false, false, false]);
  expect(['a.tar.gz', 'b.TGZ', 'c.d.zip'].map(baseOf)).toEqual(['a', 'b', 'c.d']);
});

test('a zip is unpacked, and packed as the API takes it', async () => {
  const big = 'x'.repeat(300_000);
  const file = zip({ 'shop-main/index.html': '<p>', 'shop-main/css/': '', 'shop-main/css/a.css': big, '__MACOSX/shop-main/._a': '', 'shop-main/.gitignore': 'dist\n', 'shop-main/dist/x': '' });
  const entries = await unzip(file);
  expect(names(entries)).toEqual(['shop-main/.gitignore', 'shop-main/css/a.css', 'shop-main/dist/x', 'shop-main/index.html']);
  expect(await entries.find((e) => e.path.endsWith('a.css'))?.file.text()).toBe(big);
  const source = await read('upload', [{ path: 'shop.zip', file }]);
  expect(source).toMatchObject({ name: 'shop.tar.gz', files: 3 });
  expect(await listed(source.archive)).toEqual(['.gitignore', 'css/a.css', 'index.html']);
});

test.each(['../evil', '/etc/passwd', 'a/../../b', 'C:/x', 'a\\b', 'a//b', './a', 'a\nb'])('a zip with %j is refused', async (path) => {
  expect(pathProblem(path)).not.toBeNull();
  await expect(unzip(zip({ 'ok.txt': '', [path]: 'x' }))).rejects.toThrow(/The archive has /);
});

test('a zip that is too large, or none, is refused', async () => {
  const file = zip({ a: 'x'.repeat(1000), b: 'y'.repeat(1000) });
  await expect(unzip(file, { ...limits, total: 1500 })).rejects.toThrow(/larger than/);
  await expect(unzip(file, { ...limits, files: 1 })).rejects.toThrow(/more than 1 files/);
  await expect(unzip(new Blob(['no zip at all']))).rejects.toThrow(/cannot be read/);
  await expect(unzip(file.slice(0, 60))).rejects.toThrow(/cannot be read/);
});

test('a tar is packed, and what only says it is packed is refused', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'davit-archive-'));
  try {
    writeFileSync(join(dir, 'index.html'), '<p>');
    execFileSync('tar', ['-cf', 'a.tar', 'index.html'], { cwd: dir });
    const made = await unpack(new File([readFileSync(join(dir, 'a.tar'))], 'a.tar'));
    expect('archive' in made && (await listed(made.archive))).toEqual(['index.html']);
  } finally {
    rmSync(dir, { recursive: true });
  }
  await expect(unpack(new File(['PK'], 'a.tar.gz'))).rejects.toThrow(/not a gzipped tar/);
});

test('only a folder that everything lies in is left out', () => {
  const file = new Blob([]);
  expect(names(unwrap([{ path: 'a/x', file }, { path: 'a/b/y', file }]))).toEqual(['b/y', 'x']);
  expect(names(unwrap([{ path: 'a/x', file }, { path: 'y', file }]))).toEqual(['a/x', 'y']);
});

test.each([
  [['--format=gnu', 'shop']], [['--format=pax', 'shop']], [['--format=pax', './shop']], [['--format=gnu', '.']], [['--format=ustar', 'shop/index.html', 'shop/run', 'shop/hard']],
  [['--format=posix', '--pax-option=globexthdr.comment=of-a-commit', 'shop']],
])('a folder that everything in a tar lies in is left out: %j', async (args) => {
  const made = await unpack(tarball(args));
  const wanted = args[0] === '--format=ustar' ? { 'index.html': '<p>', run: 'sh runs', hard: 'a' } : shop;
  expect('archive' in made && (await unpacked(made.archive))).toEqual(wanted);
});

test('a tar of more than one folder is sent as it is, and so is what is no tar', async () => {
  for (const file of [tarball(['shop', 'README'], 'README'), tarball(['-C', 'shop', '.']), new File([gzipSync('no tar')], 'a.tar.gz'), new File([new Uint8Array([0x1f, 0x8b, 8, 0])], 'a.tar.gz')]) {
    const made = await unpack(file);
    expect('archive' in made && made.archive).toBe(file);
  }
  const mac = await unpack(tarball(['shop', '._shop'], '._shop'));
  expect('archive' in mac && (await unpacked(mac.archive))).toEqual(shop);
});

test('a link in a zip stays one', async () => {
  const attributes = (mode: number) => ({ os: 3, attrs: mode << 16 });
  const long = `${'folder/'.repeat(20)}a`;
  const made = (target: string) => new File([zipSync({
    'shop/a': strToU8('x'), 'shop/links/ä': [strToU8(target), attributes(0o120777)], 'shop/b': [strToU8('../a'), attributes(0o100644)],
  })], 'shop.zip');
  for (const target of ['../a', long]) {
    const { archive } = await read('upload', [{ path: 'shop.zip', file: made(target) }]);
    expect(await unpacked(archive)).toEqual({ a: 'x', b: '../a', 'links/ä': `-> ${target}` });
  }
  await expect(unzip(made(''))).rejects.toThrow('The archive has a link, "shop/links/ä", that leads nowhere.');
  await expect(unzip(made('x'.repeat(5000)))).rejects.toThrow(/leads nowhere/);
  expect(names(await unzip(new Blob(['#!/bin/sh\n', made('../a')])))).toHaveLength(3);
});
