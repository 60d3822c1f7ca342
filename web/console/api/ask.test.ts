import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { ask } from './ask';

const answer = new Response('{}');
const server = vi.fn<typeof fetch>();

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('fetch', server);
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
  server.mockReset();
});

const body = (query: string) => ({ method: 'POST', body: JSON.stringify({ operationName: 'Page', query, variables: { text: '"query":"query' } }) });

async function outcome(asked: Promise<Response>) {
  const settled = asked.then(() => 'answered', () => 'failed');
  await vi.runAllTimersAsync();
  return settled;
}

it('asks again, twice, what only reads', async () => {
  server.mockRejectedValueOnce(new TypeError()).mockRejectedValueOnce(new TypeError()).mockResolvedValue(answer);
  expect(await outcome(ask('/graphql', body('query Page { viewer { id } }')))).toBe('answered');
  expect(server).toHaveBeenCalledTimes(3);
});

it('gives up in the end', async () => {
  server.mockRejectedValue(new TypeError());
  expect(await outcome(ask('/graphql', body('{ viewer { id } }')))).toBe('failed');
  expect(server).toHaveBeenCalledTimes(3);
});

it('never repeats what changes something', async () => {
  server.mockRejectedValue(new TypeError());
  expect(await outcome(ask('/graphql', body('mutation Page { x }')))).toBe('failed');
  expect(server).toHaveBeenCalledTimes(1);
});

it('leaves alone what nobody waits for any more', async () => {
  const gone = new AbortController();
  server.mockImplementation(() => {
    gone.abort();
    return Promise.reject(new TypeError());
  });
  expect(await outcome(ask('/graphql', { ...body('query Page { x }'), signal: gone.signal }))).toBe('failed');
  expect(server).toHaveBeenCalledTimes(1);
});
