import { Client, fetchExchange } from '@urql/core';
import { afterEach, expect, it, vi } from 'vitest';
import { fakeRequests } from './fakerequest';
import { send } from './send';

afterEach(() => { vi.unstubAllGlobals(); });

// sending is an upload that is under way.
async function sending() {
  const requests = fakeRequests();
  const upload = { createUpload: { uploadUrl: 'http://davit/uploads/art_1?key=k', artifact: { id: 'art_1' } } };
  const server: typeof fetch = () => Promise.resolve(new Response(JSON.stringify({ data: upload }), { headers: { 'content-type': 'application/json' } }));
  const client = new Client({ url: 'http://davit/graphql', preferGetMethod: false, exchanges: [fetchExchange], fetch: server });
  const leave = new AbortController();
  const onProgress = vi.fn();
  const result = send(client, 'svc_1', { name: 'shop.tar.gz', archive: new Blob(['files']) }, onProgress, leave.signal);
  result.catch(() => undefined); // it is awaited later
  await vi.waitFor(() => { expect(requests).toHaveLength(1); });
  const [request] = requests;
  if (!request) throw new Error('Nothing was sent.');
  return { request, result, onProgress, leave };
}

it('says how far it is, and which artifact it became', async () => {
  const { request, result, onProgress } = await sending();
  expect(request.url).toBe('/uploads/art_1?key=k');
  request.upload.onprogress?.({ loaded: 3 });
  expect(onProgress).toHaveBeenCalledExactlyOnceWith({ sent: 3, total: 5 });
  request.answer(204);
  expect(await result).toBe('art_1');
});

it('ends when it is told to', async () => {
  const { request, result, leave } = await sending();
  leave.abort();
  expect(request.aborted).toBe(true);
  await expect(result).rejects.toThrow();
});

it('says why the server did not take it, in the words of the server where it has some', async () => {
  const refused = await sending();
  refused.request.answer(413, JSON.stringify({ error: { code: 'INVALID', message: 'It is larger than 512 MiB.' } }));
  await expect(refused.result).rejects.toThrow('It is larger than 512 MiB.');
  const broken = await sending();
  broken.request.answer(502, '<html>');
  await expect(broken.result).rejects.toThrow('The server did not take the files: 502.');
});
