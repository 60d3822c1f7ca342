import { cleanup, fireEvent, screen, waitFor } from '@testing-library/react';
import { useState } from 'react';
import { afterEach, expect, it } from 'vitest';
import { at } from '../service/fixture';
import { StoreCredential } from './store-credential';

afterEach(cleanup);

function Form() {
  const [asking, setAsking] = useState(true);
  return asking ? <StoreCredential image="ghcr.io/team/app" onClose={() => { setAsking(false); }} /> : <p>closed</p>;
}

it('asks again which credentials there are, though it is closed by then', async () => {
  const stored = { id: 'reg_1', host: 'ghcr.io', username: 'me', createdAt: '2026-01-01T00:00:00Z', lastUsedAt: null };
  const { asked } = at(<Form />, ({ query }) =>
    query.includes('mutation') ? { data: { putRegistryCredential: { registryCredential: stored } } } : { data: { workspace: { id: 'wsp_1', registryCredentials: [], can: [] } } });
  expect((await screen.findByLabelText<HTMLInputElement>('Registry')).value).toBe('ghcr.io');
  fireEvent.change(screen.getByLabelText('User name'), { target: { value: 'me' } });
  fireEvent.change(screen.getByLabelText('Password or token'), { target: { value: 'x' } });
  fireEvent.click(screen.getByRole('button', { name: 'Add', hidden: true }));
  await screen.findByText('closed');
  await waitFor(() => { expect(asked).toHaveLength(3); });
});
