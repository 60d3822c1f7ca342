import { expect, test } from 'vitest';
import { cleanHost, hostOf } from './host';

test('an image says which registry it is of', () => {
  expect(['nginx:1.27', 'team/app', 'ghcr.io/team/app:1', 'Registry.example.com:5000/a@sha256:b', 'localhost/a', 'index.docker.io/a/b'].map(hostOf)).toEqual([
    'docker.io', 'docker.io', 'ghcr.io', 'registry.example.com:5000', 'localhost', 'docker.io',
  ]);
});

test('a host may be pasted as an address', () => {
  expect(['https://GHCR.io/v2/', ' registry.example.com:5000 '].map(cleanHost)).toEqual(['ghcr.io', 'registry.example.com:5000']);
});
