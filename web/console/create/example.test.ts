import { expect, test } from 'vitest';
import { entriesOf } from './example';
import { examples } from './example-list';

test('each example has the files it lives by, and no tests', () => {
  const paths = (name: (typeof examples)[number]['name']) => entriesOf(name).map((e) => e.path);
  expect(examples.map((e) => e.name)).toEqual(['static-site', 'hello-go']);
  expect(paths('static-site')).toEqual(expect.arrayContaining(['index.html', 'style.css', '_redirects', 'boat.svg']));
  expect(paths('hello-go')).toEqual(expect.arrayContaining(['go.mod', 'main.go', 'page.html']));
  expect(paths('hello-go').filter((p) => p.endsWith('_test.go'))).toEqual([]);
});
