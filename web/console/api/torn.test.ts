import { CombinedError } from '@urql/core';
import { expect, it } from 'vitest';
import { isTorn } from './torn';

const failed = (...path: (string | number)[]) => new CombinedError({ graphQLErrors: [{ message: 'There is no such object.', path }] });

it('knows an answer that lost what is around what failed', () => {
  expect(isTorn({ data: { project: null }, error: failed('project', 'environments', 'nodes', 0, 'instances') })).toBe(true);
  expect(isTorn({ data: { project: { services: [null] } }, error: failed('project', 'services', 0, 'source') })).toBe(true);
  expect(isTorn({ data: null, error: failed('platform') })).toBe(true);
});

it('leaves an answer that lacks only what failed', () => {
  expect(isTorn({ data: { project: null }, error: failed('project') })).toBe(false);
  expect(isTorn({ data: { project: { services: [{ queuePosition: null }] } }, error: failed('project', 'services', 0, 'queuePosition') })).toBe(false);
  expect(isTorn({ data: { project: null }, error: new CombinedError({ graphQLErrors: ['The query is too large.'] }) })).toBe(false);
  expect(isTorn({ data: { project: null } })).toBe(false);
});
