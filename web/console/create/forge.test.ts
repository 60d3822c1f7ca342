import { expect, test } from 'vitest';
import { forgeOf, httpsOf, isSsh, keysPageOf, sshOf } from './forge';

test('an address by https is told from one by ssh, and each from the other', () => {
  for (const [https, ssh] of [
    ['https://github.com/team/shop', 'git@github.com:team/shop.git'],
    ['https://gitlab.example.com/a/b/c', 'git@gitlab.example.com:a/b/c.git'],
  ] as const) {
    expect([isSsh(https), isSsh(ssh)]).toEqual([false, true]);
    expect([sshOf(https), sshOf(ssh), httpsOf(ssh), httpsOf(https)]).toEqual([ssh, ssh, https, https]);
  }
  expect(sshOf('https://github.com/team/shop.git/')).toBe('git@github.com:team/shop.git');
  expect(sshOf('https://git.example.com:8443/a/b')).toBeNull(); // its port for ssh is another
  expect(isSsh('ssh://git@host:22/a/b')).toBe(true);
  expect([sshOf('nonsense'), httpsOf(''), isSsh('')]).toEqual([null, null, false]);
});

test('it is said where a key is added', () => {
  expect(keysPageOf('git@github.com:team/shop.git')).toBe('https://github.com/team/shop/settings/keys/new');
  expect(keysPageOf('https://git.example.com/a/b')).toBeNull();
  expect(forgeOf('https://git.example.com/a/b').name).toBe('git.example.com');
});
