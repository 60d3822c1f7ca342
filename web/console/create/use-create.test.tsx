import { act, cleanup, renderHook } from '@testing-library/react';
import { Client, fetchExchange } from '@urql/core';
import type { ReactNode } from 'react';
import { Provider } from 'urql';
import { afterAll, afterEach, expect, it, vi } from 'vitest';
import { fakeRequests } from './fakerequest';

const navigate = vi.hoisted(() => vi.fn(() => Promise.resolve()));
vi.mock('@tanstack/react-router', () => ({ useNavigate: () => navigate }));

// Test files share what is loaded: these are to be loaded with what stands in for
// others here, and for no other file.
vi.resetModules();
const { fresh } = await import('./draft');
const { useCreate } = await import('./use-create');
afterAll(() => { vi.resetModules(); });

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
  navigate.mockClear();
});

// until waits for what follows, on a machine that has other things to do too.
const until = (holds: () => void) => vi.waitFor(holds, { timeout: 10_000 });

// turn lets what is ready happen.
const turn = () => new Promise((resolve) => { setTimeout(resolve, 20); });

const instances = [{ id: 'ins_1', environment: { id: 'env_1', slug: 'production' } }];
const answers = {
  createService: { service: { id: 'svc_1', slug: 'shop', source: null, instances }, deployments: [] },
  createUpload: { uploadUrl: 'http://davit/uploads/art_1', artifact: { id: 'art_1' } },
  deploy: { deployment: { id: 'dep_1', number: 1 } },
};

// creating is a service that is being made of a folder, whose files are on their way.
async function creating(environmentId = 'env_1') {
  const requests = fakeRequests();
  const asked: string[] = [];
  const server: typeof fetch = (_, init) => {
    const { query } = JSON.parse(init?.body as string) as { query: string };
    const name = Object.keys(answers).find((n): n is keyof typeof answers => query.includes(`${n}(`)) ?? 'deploy';
    asked.push(name);
    return Promise.resolve(new Response(JSON.stringify({ data: { [name]: answers[name] } }), { headers: { 'content-type': 'application/json' } }));
  };
  const client = new Client({ url: 'http://davit/graphql', preferGetMethod: false, exchanges: [fetchExchange], fetch: server });
  const wrapper = ({ children }: { children: ReactNode }) => <Provider value={client}>{children}</Provider>;
  const place = { projectId: 'prj_1', project: 'shop', environmentId, env: 'production' };
  const { result, unmount } = renderHook(() => useCreate(place), { wrapper });
  const upload = { name: 'shop.tar.gz', archive: new Blob(['files']), files: 1 };
  const run = () => { act(() => { void result.current.run({ ...fresh, from: 'upload', upload }, undefined); }); };
  run();
  await until(() => { expect(requests).toHaveLength(1); });
  return { asked, requests, result, run, unmount };
}

it('sends the files of a service that is made, once more if they broke off', async () => {
  const { asked, requests, result, run } = await creating();
  requests[0]?.answer(500);
  await until(() => { expect(result.current.problem).toBeTruthy(); });
  run();
  await until(() => { expect(requests).toHaveLength(2); });
  requests[1]?.answer(204);
  await until(() => { expect(navigate).toHaveBeenCalledOnce(); });
  expect(asked).toEqual(['createService', 'createUpload', 'createUpload', 'deploy']);
});

it('sends no more, deploys nothing and leads nowhere once the page is left', async () => {
  const { asked, requests, unmount } = await creating();
  unmount();
  expect(requests[0]?.aborted).toBe(true);
  await turn();
  expect(asked).toEqual(['createService', 'createUpload']);
  expect(navigate).not.toHaveBeenCalled();
});

it('deploys to no other environment than the one it is made in', async () => {
  const { asked, requests, result } = await creating('env_gone');
  requests[0]?.answer(204);
  await until(() => { expect(result.current.problem?.message).toBe('Its environment is not there any more, so it was not deployed.'); });
  expect(asked).toEqual(['createService', 'createUpload']);
  expect(navigate).not.toHaveBeenCalled();
});
