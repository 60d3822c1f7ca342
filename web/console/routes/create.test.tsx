import { cleanup, fireEvent, screen, waitFor } from '@testing-library/react';
import type { ReactNode } from 'react';
import { afterAll, afterEach, expect, it, vi } from 'vitest';
import { fakeRequests } from '../create/fakerequest';

const navigate = vi.hoisted(() => vi.fn(() => Promise.resolve()));
vi.mock('@tanstack/react-router', () => ({
  getRouteApi: () => ({ useParams: () => ({ project: 'shop' }), useSearch: () => ({ env: 'production' }) }),
  Link: ({ to, children }: { to: string; children: ReactNode }) => <a href={to}>{children}</a>,
  useNavigate: () => navigate,
}));

// Test files share what is loaded: these are to be loaded with what stands in for
// others here, and for no other file.
vi.resetModules();
const { at } = await import('../service/fixture');
const { Create } = await import('./create');
afterAll(() => { vi.resetModules(); });

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

const patience = { timeout: 10_000 };
const environment = { id: 'env_1', slug: 'production', name: 'Production', kind: 'PRODUCTION', version: 1, color: null, concurrency: 'QUEUE', deleting: false, instances: [] };
const project = { id: 'prj_1', slug: 'shop', name: 'Shop', description: null, version: 1, deleting: false, can: [], environments: { nodes: [environment] } };
const service = { id: 'svc_1', slug: 'web', source: null, instances: [{ id: 'ins_1', environment }] };

const answer = ({ query }: { query: string }) => {
  if (query.includes('createService(')) return { data: { createService: { service, deployments: [] } } };
  if (query.includes('createUpload(')) return { data: { createUpload: { uploadUrl: 'http://davit/uploads/art_1', artifact: { id: 'art_1' } } } };
  return query.includes('deploy(') ? { data: { deploy: { deployment: { id: 'dep_1', number: 1 } } } } : { data: { project } };
};

const choose = () => { fireEvent.change(screen.getByLabelText('Folder to upload'), { target: { files: [Object.assign(new File(['x'], 'a.txt'), { webkitRelativePath: 'shop/a.txt' })] } }); };
const settled = (label: string) => screen.getByLabelText(label).closest('fieldset')?.disabled;

it('takes other files for a service that is made, and says that nothing else is taken', async () => {
  const requests = fakeRequests();
  at(<Create />, answer);
  fireEvent.mouseDown(await screen.findByRole('tab', { name: 'Folder' }), { button: 0 });
  choose();
  await screen.findByText(/1 file, /, {}, patience);
  fireEvent.change(screen.getByLabelText('Name'), { target: { value: 'web' } });
  expect([settled('Name'), settled('Kind')]).toEqual([false, false]);
  fireEvent.click(screen.getByRole('button', { name: 'Create and deploy' }));
  await waitFor(() => { expect(requests).toHaveLength(1); }, patience);
  requests[0]?.answer(500);
  await screen.findByText('The server did not take the files: 500.', {}, patience);
  expect(screen.getByText(/^web is made, and not deployed yet\./).querySelector('a')?.getAttribute('href')).toBe('/projects/$project/$service');
  expect(['Name', 'Kind', 'All of them are secret'].map(settled)).toEqual([true, true, true]);
  expect(screen.queryByRole('tab')).toBeNull();
  expect(screen.getByLabelText('Folder to upload').closest('fieldset')).toBeNull();
  fireEvent.click(screen.getByRole('button', { name: 'Deploy' }));
  await waitFor(() => { expect(requests).toHaveLength(2); }, patience);
  requests[1]?.answer(204);
  await waitFor(() => { expect(navigate).toHaveBeenCalledOnce(); }, patience);
});
