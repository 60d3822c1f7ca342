import { act, cleanup, fireEvent, screen, waitFor } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';
import { at } from '../service/fixture';
import { Variables } from './page';

let happened: () => void = () => undefined;
vi.mock('../api/live', () => ({ useEvents: (_: string, changed: () => void) => { happened = changed; } }));

afterEach(cleanup);

const found = { id: 'ins_1', variables: [], environment: { id: 'env_1', variables: [], project: { id: 'prj_1', variables: [] } } };

it('keeps a dialog, and what is typed in it, when the variables cannot be read again', async () => {
  let broken = false;
  at(<Variables />, () => (broken ? { errors: [{ message: 'Something broke.' }] } : { data: { serviceInstance: found } }));
  const [add] = await screen.findAllByRole('button', { name: 'Add variable' });
  if (add) fireEvent.click(add);
  fireEvent.change(screen.getByLabelText('Name'), { target: { value: 'PORT' } });
  broken = true;
  act(() => { happened(); });
  await screen.findByText('Something broke.');
  expect(screen.getByLabelText<HTMLInputElement>('Name').value).toBe('PORT');
  broken = false;
  fireEvent.click(screen.getByRole('button', { name: 'Try again', hidden: true }));
  await waitFor(() => { expect(screen.queryByText('Something broke.')).toBeNull(); });
  expect(screen.getByLabelText<HTMLInputElement>('Name').value).toBe('PORT');
});
