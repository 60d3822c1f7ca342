import { expect, test } from 'vitest';
import { parseEnv } from './env-file';

const values = (text: string) => Object.fromEntries(parseEnv(text).pairs.map((p) => [p.name, p.value]));

test('the forms of a .env file', () => {
  expect(
    values(`# a comment
PLAIN=one two # not this
export EXPORTED = yes
EMPTY=
HASH=a#b
SINGLE='as $IT is \\n'
DOUBLE="two\\nlines \\"quoted\\"" # and a comment
MULTI="first
second"
PLAIN=again
URL=postgres://u:p@host/db?x=1
`),
  ).toEqual({
    PLAIN: 'again',
    EXPORTED: 'yes',
    EMPTY: '',
    HASH: 'a#b',
    SINGLE: 'as $IT is \\n',
    DOUBLE: 'two\nlines "quoted"',
    MULTI: 'first\nsecond',
    URL: 'postgres://u:p@host/db?x=1',
  });
});

test('what is no .env file says where, without a value', () => {
  expect(parseEnv('A=1\nsecret stuff')).toEqual({ pairs: [], problem: 'Line 2 is not of the form NAME=VALUE.' });
  expect(parseEnv('A=1\nB="hidden\nC=2').problem).toBe('The quote in line 2 is not closed.');
  expect(parseEnv('A="x" y').problem).toBe('Something follows the quote in line 1.');
  expect(parseEnv('').pairs).toEqual([]);
});
