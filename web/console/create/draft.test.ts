import { expect, test } from 'vitest';
import { fresh, missing, nameOf, sourceOf } from './draft';
import { createInput } from './use-create';

test('a service is called by where it comes from', () => {
  expect(nameOf({ ...fresh, repository: 'https://github.com/team/shop.git' })).toBe('shop');
  expect(nameOf({ ...fresh, repository: 'git@github.com:team/shop', root: 'apps/web/' })).toBe('web');
  expect(nameOf({ ...fresh, from: 'image', image: 'registry.example.com:5000/team/app:1.2' })).toBe('app');
  expect(nameOf({ ...fresh, from: 'image', image: 'nginx@sha256:abc' })).toBe('nginx');
  expect(nameOf({ ...fresh, from: 'upload', upload: { name: 'site.tar.gz', archive: new Blob([]), files: 1 } })).toBe('site');
  expect(nameOf({ ...fresh, from: 'example', example: 'hello-go' })).toBe('hello-go');
});

test('a source is what was said of it', () => {
  expect(sourceOf({ ...fresh, repository: ' https://x/y ', ref: 'main' })).toEqual({ git: { repository: 'https://x/y', ref: 'main', generateDeployKey: false } });
  expect(sourceOf({ ...fresh, from: 'example', example: 'hello-go' })).toEqual({ upload: {} });
  const priv = { ...fresh, repository: 'git@x:y', token: 'shh', username: 'me' };
  expect(sourceOf(priv)).toEqual({ git: { repository: 'git@x:y', generateDeployKey: false, token: 'shh', username: 'me' } });
  expect(sourceOf({ ...priv, deployKey: true })).toEqual({ git: { repository: 'git@x:y', generateDeployKey: true } });
});

test('what waits for its files is not deployed before', () => {
  const deploys = (from: typeof fresh.from) => createInput('prj_1', { ...fresh, from }, undefined).deploy;
  expect([deploys('git'), deploys('image'), deploys('upload'), deploys('example')]).toEqual([true, true, false, false]);
});

test('what is missing is said', () => {
  expect(missing(fresh)).toBe('Say which repository.');
  expect(missing({ ...fresh, repository: 'https://x/y', port: '99999' })).toBe('A port is a number from 1 to 65535.');
  expect(missing({ ...fresh, from: 'image', image: 'nginx' })).toBeNull();
  expect(missing({ ...fresh, repository: 'https://x/y', deployKey: true })).toBe('A deploy key needs the address by ssh.');
  expect(missing({ ...fresh, repository: 'git@x:y' })).toBe('An address by ssh needs a deploy key.');
  expect(missing({ ...fresh, repository: 'git@x:y', deployKey: true })).toBeNull();
  expect(missing({ ...fresh, from: 'example' })).toBe('Choose an example.');
});
