import { cleanup, fireEvent, screen, waitFor } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';
import { at } from './fixture';
import { ScaleDialog } from './scale-dialog';

afterEach(cleanup);

const settings = { replicas: 2, processes: [{ name: 'worker', replicas: 1 }] };
const answer = ({ query }: { query: string }) => ({
  data: query.includes('mutation') ? { scaleService: { instance: { id: 'ins_1' } } } : { serviceInstance: { id: 'ins_1', settings } },
});

it('scales each process of which another number is typed', async () => {
  const onClose = vi.fn();
  const { asked } = at(<ScaleDialog onClose={onClose} />, answer);
  const worker = await screen.findByLabelText('worker');
  const button = screen.getByRole('button', { name: 'Scale', hidden: true });
  expect(button.getAttribute('aria-disabled')).toBe('true');
  fireEvent.change(worker, { target: { value: '51' } });
  expect(screen.getByRole('alert', { hidden: true }).textContent).toBe('A whole number from 0 to 50.');
  fireEvent.change(worker, { target: { value: '3' } });
  fireEvent.change(screen.getByLabelText('web'), { target: { value: '4' } });
  fireEvent.click(button);
  await waitFor(() => { expect(onClose).toHaveBeenCalledOnce(); });
  expect(asked.slice(1)).toEqual([
    { input: { serviceInstanceId: 'ins_1', process: 'web', replicas: 4 } },
    { input: { serviceInstanceId: 'ins_1', process: 'worker', replicas: 3 } },
  ]);
});
