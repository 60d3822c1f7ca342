import { cleanup, screen } from '@testing-library/react';
import type { ReactElement, ReactNode } from 'react';
import { afterAll, afterEach, expect, it, vi } from 'vitest';

const address = vi.hoisted((): { search: { env?: string } } => ({ search: {} }));
vi.mock('@tanstack/react-router', () => ({
  getRouteApi: () => ({ useParams: () => ({ project: 'shop', service: 'web' }), useSearch: () => address.search }),
  Link: ({ to, search, children, 'aria-current': current }: { to: string; search?: { env?: string }; children: ReactNode; 'aria-current'?: 'page' }) => <a href={`${to}?${new URLSearchParams(search).toString()}`} aria-current={current}>{children}</a>,
  Outlet: () => null,
  useChildMatches: () => undefined,
  useNavigate: () => vi.fn(),
}));
vi.mock('../api/live', () => ({ useEvents: () => undefined }));
vi.mock(import('../api/instance'), async (original) => ({ ...(await original()), useInstanceUpdates: () => undefined }));

// Test files share what is loaded: these are to be loaded with what stands in for
// others here, and for no other file.
vi.resetModules();
const { at, serviceView } = await import('../service/fixture');
const { Create } = await import('./create');
const { Project } = await import('./project');
const { Service } = await import('./service');
afterAll(() => { vi.resetModules(); });

afterEach(cleanup);

const { service, instance } = serviceView();
const staging = { ...instance, id: 'ins_2', environment: { id: 'env_2', slug: 'staging', name: 'Staging' } };
const environment = (i: typeof instance) => ({ ...i.environment, kind: 'PRODUCTION', version: 1, color: null, concurrency: 'QUEUE', deleting: false, instances: [i] });
const project = { ...service.project, description: null, version: 1, deleting: false, can: [], environments: { nodes: [instance, staging].map(environment) } };
const data = { service: { ...service, instances: [instance, staging] }, project };

// where is in which environment a page says that it is.
const pages: [string, ReactElement, () => Promise<string | null>][] = [
  ['a service', <Service />, async () => (await screen.findByRole('button', { name: /^Environment: / })).textContent],
  ['a project', <Project />, async () => (await screen.findByRole('navigation', { name: 'Environments' })).querySelector('[aria-current]')?.textContent ?? null],
  ['a new service', <Create />, async () => (await screen.findByRole('link', { name: 'Cancel' })).getAttribute('href')],
];

it.each(pages)('%s is in the environment of its address, in the first where that says none', async (_, page, where) => {
  address.search = { env: 'staging' };
  at(page, () => ({ data }));
  expect(await where()).toMatch(/staging/i);
  cleanup();
  address.search = {};
  at(page, () => ({ data }));
  expect(await where()).toMatch(/production/i);
});

it.each(pages)('%s in an environment that is not there is in no other one', async (_, page) => {
  address.search = { env: 'stagin' };
  at(page, () => ({ data }));
  await screen.findByRole('heading', { name: 'There is no environment stagin here' });
  expect(screen.getAllByRole('link').map((link) => [link.textContent, link.getAttribute('href')])).toEqual([['Open Shop', '/projects/$project?']]);
});
