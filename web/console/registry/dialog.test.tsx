import { cleanup, fireEvent, screen, waitFor } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';
import { at } from '../service/fixture';
import { CredentialDialog } from './dialog';

afterEach(cleanup);

const type = (label: string, value: string) => { fireEvent.change(screen.getByLabelText(label), { target: { value } }); };

it('stores what opens a registry, says that it replaces one, and copies no password', async () => {
  const writeText = vi.fn(() => Promise.resolve());
  vi.spyOn(navigator.clipboard, 'writeText').mockImplementation(writeText);
  const onStored = vi.fn();
  const stored = { id: 'reg_1', host: 'ghcr.io', username: 'me', createdAt: '2026-01-01T00:00:00Z', lastUsedAt: null };
  const { asked } = at(<CredentialDialog workspaceId="wsp_1" taken={['ghcr.io']} onClose={vi.fn()} onStored={onStored} />, () => ({ data: { putRegistryCredential: { registryCredential: stored } } }));
  type('Registry', 'https://ghcr.io/');
  type('User name', 'me');
  type('Password or token', 'shh');
  expect(screen.getByText(/yours takes its place/)).toBeTruthy();
  fireEvent.click(screen.getByRole('button', { name: 'Copy as curl', hidden: true }));
  await waitFor(() => { expect(writeText).toHaveBeenCalledOnce(); });
  expect(writeText.mock.calls.flat().join('')).not.toContain('shh');
  fireEvent.click(screen.getByRole('button', { name: 'Replace', hidden: true }));
  await waitFor(() => { expect(onStored).toHaveBeenCalledOnce(); });
  expect(asked).toEqual([{ input: { workspaceId: 'wsp_1', host: 'ghcr.io', username: 'me', password: 'shh' } }]);
  vi.restoreAllMocks();
});

it('says beside the field what the server does not take', async () => {
  at(<CredentialDialog workspaceId="wsp_1" host="ghcr.io" taken={[]} onClose={vi.fn()} onStored={vi.fn()} />, () => ({ errors: [{ message: 'This is no host.', extensions: { code: 'INVALID', field: 'host' } }] }));
  type('User name', 'me');
  type('Password or token', 'x');
  fireEvent.click(screen.getByRole('button', { name: 'Add', hidden: true }));
  await waitFor(() => { expect(screen.getByLabelText('Registry').getAttribute('aria-invalid')).toBe('true'); });
});
