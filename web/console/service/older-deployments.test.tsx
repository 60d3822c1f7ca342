import { act, cleanup, render, screen } from '@testing-library/react';
import { cacheExchange, Client, fetchExchange } from '@urql/core';
import { Provider } from 'urql';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { OlderDeployments } from './older-deployments';

let sight: ((inView: boolean) => void) | undefined;

beforeEach(() => {
  vi.stubGlobal('IntersectionObserver', class {
    constructor(heard: (entries: { isIntersecting: boolean }[]) => void) { sight = (isIntersecting) => { act(() => { heard([{ isIntersecting }]); }); }; }
    observe = () => undefined;
    disconnect = () => undefined;
  });
  vi.spyOn(HTMLElement.prototype, 'offsetHeight', 'get').mockReturnValue(321);
});
afterEach(() => {
  cleanup();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

const page = (numbers: number[], endCursor: string | null = null) => ({
  data: {
    serviceInstance: {
      __typename: 'ServiceInstance', id: 'ins_1',
      deployments: {
        __typename: 'DeploymentConnection', totalCount: 9, pageInfo: { __typename: 'PageInfo', hasNextPage: endCursor !== null, endCursor },
        nodes: numbers.map((number) => ({ __typename: 'Deployment', id: `dep_${number}`, number })),
      },
    },
  },
});

// world is a page of a list, and a server that answers when the test says.
function world() {
  const asked: { variables: unknown; answer: (body: object) => Promise<void> }[] = [];
  const server: typeof fetch = (_, init) =>
    new Promise((resolve) => {
      const { variables } = JSON.parse(init?.body as string) as { variables: unknown };
      const answer = (body: object) => act(async () => {
        resolve(new Response(JSON.stringify(body), { headers: { 'content-type': 'application/json' } }));
        await new Promise((done) => { setTimeout(done); });
      });
      asked.push({ variables, answer });
    });
  const client = new Client({ url: 'http://davit/graphql', preferGetMethod: false, exchanges: [cacheExchange, fetchExchange], fetch: server });
  const onMore = vi.fn();
  const list = (turn: number, last: boolean) => (
    <Provider value={client}>
      <ul><OlderDeployments instance="ins_1" after="c5" turn={turn} onMore={last ? onMore : undefined} row={(d) => <li key={d.id}>#{d.number}</li>} /></ul>
    </Provider>
  );
  const { rerender, container } = render(list(0, true));
  const show = (turn: number, last = true) => { rerender(list(turn, last)); };
  const rows = () => screen.queryAllByText(/^#\d/).map((row) => row.textContent);
  const height = () => container.querySelector('li')?.style.height;
  return { asked, onMore, show, rows, height };
}

const see = (inView: boolean) => { sight?.(inView); };
const answer = async (w: ReturnType<typeof world>, i: number, body: object) => {
  await vi.waitFor(() => { expect(w.asked).toHaveLength(i + 1); });
  await w.asked[i]?.answer(body);
};

it('asks for its page once it is in sight, and then for the next one', async () => {
  const w = world();
  expect([w.asked.length, w.height()]).toEqual([0, '2850px']);
  see(true);
  expect(screen.getByRole('status').textContent).toBe('Loading older ones…');
  await answer(w, 0, page([4, 3], 'c3'));
  expect(w.asked[0]?.variables).toEqual({ id: 'ins_1', first: 50, after: 'c5' });
  expect([w.rows(), w.height()]).toEqual([['#4', '#3'], '']);
  expect(w.onMore).toHaveBeenCalledExactlyOnceWith('c3');
});

it('tells of no next page where there is none, or another is the last', async () => {
  const w = world();
  see(true);
  await answer(w, 0, page([4]));
  w.show(1, false);
  await answer(w, 1, page([4, 3], 'c3'));
  expect(w.rows()).toEqual(['#4', '#3']);
  expect(w.onMore).not.toHaveBeenCalled();
});

it('is as high as it was while it is out of sight, and asks nothing again', async () => {
  const w = world();
  see(true);
  await answer(w, 0, page([4, 3]));
  see(false);
  expect([w.rows(), w.height()]).toEqual([[], '321px']);
  see(true);
  expect([w.rows(), w.height(), w.asked.length]).toEqual([['#4', '#3'], '', 1]);
});

it('hears of what happened out of sight when it is seen again', async () => {
  const w = world();
  see(true);
  await answer(w, 0, page([4, 3]));
  see(false);
  w.show(1);
  w.show(2);
  expect(w.asked).toHaveLength(1);
  see(true);
  expect(w.rows()).toEqual(['#4', '#3']); // as it was, until it is known how it is
  await answer(w, 1, page([4]));
  expect(w.rows()).toEqual(['#4']);
  expect(w.asked).toHaveLength(2);
});

it('says what went wrong where it has nothing to show, and keeps what it has', async () => {
  const w = world();
  see(true);
  await answer(w, 0, { errors: [{ message: 'Something broke.' }] });
  expect(screen.getByRole('alert').textContent).toBe('Something broke.');
  expect(screen.queryByRole('status')).toBeNull();
  w.show(1);
  await answer(w, 1, page([4]));
  expect([w.rows(), screen.queryByRole('alert')]).toEqual([['#4'], null]);
  w.show(2);
  await answer(w, 2, { errors: [{ message: 'Something broke.' }] });
  expect([w.rows(), screen.queryByRole('alert')]).toEqual([['#4'], null]); // the whole list says it
});
