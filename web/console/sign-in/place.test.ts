import { expect, test } from 'vitest';
import { placeOf } from './place';

test('a session is safe over https and on this machine only', () => {
  const of = (address: string) => placeOf(new URL(address));
  expect(of('https://davit.example.com/login')).toBe('safe');
  expect(of('http://localhost:7070/')).toBe('safe');
  expect(of('http://127.0.0.1:7070/')).toBe('loopback');
  expect(of('http://[::1]:7070/')).toBe('loopback');
  expect(of('http://10.0.0.5:7070/')).toBe('plain');
  expect(of('http://localhost.example.com/')).toBe('plain');
});
