import { expect, test } from 'vitest';
import { split, withoutSecrets, words } from './copy-text';

test('what nobody is to read is not copied', () => {
  const input = { source: { git: { repository: 'https://x/y', token: 'shh' } }, variables: [{ name: 'A', value: 'shh', secret: true }, { name: 'B', value: 'b', secret: false }], password: 'shh', port: 80, none: null };
  const text = JSON.stringify(withoutSecrets(input));
  expect(text).not.toContain('shh');
  expect(withoutSecrets(input)).toMatchObject({ source: { git: { repository: 'https://x/y' } }, variables: [{ name: 'A' }, { name: 'B', value: 'b' }], port: 80, none: null });
});

test('a line is split as a shell splits it, and put together again', () => {
  for (const [line, list] of [
    ['  ./manage.py migrate ', ['./manage.py', 'migrate']],
    [`sh -c 'echo "$A"; exit 3'`, ['sh', '-c', 'echo "$A"; exit 3']],
    ['a "b \\" c"d \'\' e\\ f', ['a', 'b " cd', '', 'e f']],
    ['', []],
  ] as const) {
    expect(split(line)).toEqual(list);
    expect(split(words(list))).toEqual(list);
  }
  for (const line of ['a "b', "it's", 'a\\']) expect(split(line)).toBeNull();
});
