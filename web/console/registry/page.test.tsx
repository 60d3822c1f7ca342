import { act, cleanup, fireEvent, screen, waitFor } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';
import { at } from '../service/fixture';
import { Registries } from './page';

let happened: () => void = () => undefined;
vi.mock('../api/live', () => ({ useEvents: (_: string, changed: () => void) => { happened = changed; } }));

afterEach(cleanup);

it('keeps a dialog, and what is typed in it, when the credentials cannot be read again', async () => {
  let broken = false;
  at(<Registries />, () => (broken ? { errors: [{ message: 'Something broke.' }] } : { data: { workspace: { id: 'wsp_1', registryCredentials: [], can: [] } } }));
  fireEvent.click(await screen.findByRole('button', { name: 'Add credential' }));
  fireEvent.change(screen.getByLabelText('Registry'), { target: { value: 'ghcr.io' } });
  broken = true;
  act(() => { happened(); });
  await screen.findByText('Something broke.');
  expect(screen.getByLabelText<HTMLInputElement>('Registry').value).toBe('ghcr.io');
  broken = false;
  fireEvent.click(screen.getByRole('button', { name: 'Try again', hidden: true }));
  await waitFor(() => { expect(screen.queryByText('Something broke.')).toBeNull(); });
  expect(screen.getByLabelText<HTMLInputElement>('Registry').value).toBe('ghcr.io');
});
