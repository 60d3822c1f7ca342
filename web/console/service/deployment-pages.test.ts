import { expect, it } from 'vitest';
import { grown, shown } from './deployment-pages';

const page = (...ids: string[]) => ({ nodes: ids.map((id) => ({ id })), pageInfo: { hasNextPage: true, endCursor: ids.at(-1) ?? null } });
const open = { first: 50, last: '3', after: ['3'] };

it('stays as it is while the first page reaches the next one', () => {
  expect(grown(open, page('5', '4', '3'))).toBe(open);
  expect(shown(open, page('5', '4', '3', '2').nodes).map((n) => n.id)).toEqual(['5', '4', '3']);
});

it('reads more of the first page when rows that came push others out of it', () => {
  expect(grown(open, page('6', '5', '4'))).toEqual({ ...open, first: 100 });
});

it('begins anew where a page of the API does not reach', () => {
  expect(grown({ ...open, first: 100 }, page('9', '8'))).toEqual({ first: 50, last: null, after: [] });
});
