import { cleanup, fireEvent, screen, waitFor } from '@testing-library/react';
import { afterAll, afterEach, expect, it, vi } from 'vitest';
import { fakeRequests } from './fakerequest';

const navigate = vi.hoisted(() => vi.fn(() => Promise.resolve()));
vi.mock('@tanstack/react-router', () => ({ useNavigate: () => navigate }));

// Test files share what is loaded: these are to be loaded with what stands in for
// others here, and for no other file.
vi.resetModules();
const { at } = await import('../service/fixture');
const { UploadDialog } = await import('./upload-dialog');
afterAll(() => { vi.resetModules(); });

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
  navigate.mockClear();
});

const patience = { timeout: 10_000 };

// turn lets what is ready happen.
const turn = () => new Promise((resolve) => { setTimeout(resolve, 20); });

// sending is a dialog whose files are on their way.
async function sending() {
  const requests = fakeRequests();
  const upload = { createUpload: { uploadUrl: 'http://davit/uploads/art_1', artifact: { id: 'art_1' } } };
  const deployed = { deploy: { deployment: { id: 'dep_2', number: 2 } } };
  const view = at(<UploadDialog onClose={vi.fn()} />, ({ query }) => ({ data: query.includes('createUpload') ? upload : deployed }));
  fireEvent.change(screen.getByLabelText('Folder to upload'), { target: { files: [Object.assign(new File(['x'], 'a.txt'), { webkitRelativePath: 'shop/a.txt' })] } });
  await screen.findByText(/1 file, /, {}, patience);
  fireEvent.click(screen.getByRole('button', { name: 'Upload and deploy', hidden: true }));
  await waitFor(() => { expect(requests).toHaveLength(1); }, patience);
  return { ...view, request: requests[0] };
}

it('deploys what was sent, and leads there', async () => {
  const { asked, request } = await sending();
  request?.answer(204);
  await waitFor(() => { expect(navigate).toHaveBeenCalledOnce(); }, patience);
  expect(asked.at(-1)).toEqual({ input: { serviceInstanceId: 'ins_1', artifactId: 'art_1' } });
});

it('sends no more and deploys nothing once it is closed', async () => {
  const { asked, request, unmount } = await sending();
  unmount();
  expect(request?.aborted).toBe(true);
  await turn();
  expect(asked).toHaveLength(1);
  expect(navigate).not.toHaveBeenCalled();
});

it('deploys nothing that had arrived when it was closed, and leads nowhere after', async () => {
  const { asked, request, unmount } = await sending();
  request?.answer(204);
  unmount();
  await turn();
  expect(asked).toHaveLength(1);
  expect(navigate).not.toHaveBeenCalled();
});
