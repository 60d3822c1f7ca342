import { act, cleanup, render } from '@testing-library/react';
import { Client, fetchExchange } from '@urql/core';
import { Provider } from 'urql';
import { afterEach, expect, it } from 'vitest';
import type { RepositoryData } from './operations';
import { useLook } from './use-look';

afterEach(cleanup);

const repository = (over: object) => ({ fullName: 'team/shop', canPull: true, reason: null, branches: { totalCount: 0, nodes: [] }, detect: null, ...over });

type Request = { ref: string; signal: AbortSignal; answer: (body: object) => void };

// world is a form that looks, and a server that answers when the test says.
function world() {
  const asked: Request[] = [];
  const server: typeof fetch = (_, init) =>
    new Promise((resolve) => {
      const { variables } = JSON.parse(init?.body as string) as { variables: { ref: string } };
      const answer = (body: object) => { resolve(new Response(JSON.stringify(body), { headers: { 'content-type': 'application/json' } })); };
      asked.push({ ref: variables.ref, signal: init?.signal ?? new AbortController().signal, answer });
    });
  const client = new Client({ url: 'http://davit/graphql', preferGetMethod: false, exchanges: [fetchExchange], fetch: server });
  const heard: RepositoryData[] = [];
  let look: ReturnType<typeof useLook> | undefined;
  const Form = () => {
    look = useLook((r) => heard.push(r));
    return null;
  };
  const { unmount } = render(<Provider value={client}><Form /></Provider>);
  const now = () => {
    if (!look) throw new Error('It is not rendered.');
    return look;
  };
  const ask = (ref: string) => act(async () => { now().ask({ repository: 'https://forge/team/shop', username: '', token: '', ref, root: '' }); await turn(); });
  const answer = (i: number, body: object) => act(async () => { asked[i]?.answer(body); await turn(); });
  const ended = () => asked.map((r) => r.signal.aborted);
  return { asked, ended, heard, now, ask, answer, unmount };
}

// turn lets what is ready happen.
const turn = () => new Promise((resolve) => { setTimeout(resolve); });

it('asks for a repository and how it is built at once', async () => {
  const w = world();
  await w.ask('');
  expect(w.now().busy).toBe(true);
  await w.answer(0, { data: { repository: repository({ detect: { builder: 'STATIC' } }) } });
  expect(w.asked).toHaveLength(1);
  expect(w.heard.map((r) => r.detect?.builder)).toEqual(['STATIC']);
  expect(w.now().busy).toBe(false);
});

it('hears of what was asked last alone', async () => {
  const w = world();
  await w.ask('main');
  await w.ask('next');
  expect(w.asked.map((r) => r.ref)).toEqual(['main', 'next']);
  expect(w.ended()).toEqual([true, false]);
  await w.answer(0, { data: { repository: repository({ fullName: 'of main' }) } });
  expect(w.now().busy).toBe(true);
  await w.answer(1, { data: { repository: repository({ fullName: 'of next' }) } });
  expect(w.heard.map((r) => r.fullName)).toEqual(['of next']);
  expect(w.now().busy).toBe(false);
});

it('tells why it cannot be pulled once, and an error of the detection beside what was found', async () => {
  const w = world();
  const errors = [{ message: 'It wants a token.' }];
  await w.ask('');
  await w.answer(0, { data: { repository: repository({ canPull: false, reason: 'It wants a token.' }) }, errors });
  expect([w.now().problem, w.now().repository?.reason]).toEqual([undefined, 'It wants a token.']);
  await w.ask('gone');
  await w.answer(1, { data: { repository: repository({}) }, errors: [{ message: 'There is no gone.' }] });
  expect([w.now().problem?.message, w.now().repository?.canPull]).toEqual(['[GraphQL] There is no gone.', true]);
});

it('lets go of a look when the address changes, and when the page is left', async () => {
  const w = world();
  await w.ask('');
  act(() => { w.now().forget(); });
  expect([w.now().busy, w.ended()]).toEqual([false, [true]]);
  await w.ask('');
  w.unmount();
  expect(w.ended()).toEqual([true, true]);
});
