import { cleanup, fireEvent, screen, waitFor } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';
import { at } from '../service/fixture';
import { RunDialog } from './dialog';

afterEach(cleanup);

const operation = { id: 'opn_1', kind: 'service.run', status: 'QUEUED', message: null, command: [], exitCode: null, scheduledAt: null, createdAt: '2026-01-01T00:00:00Z', startedAt: null, finishedAt: null, error: null };
const answer = { data: { runCommand: { operation } } };

const run = () => screen.getByRole('button', { name: 'Run', hidden: true });
const type = (label: string, value: string) => { fireEvent.change(screen.getByLabelText(label), { target: { value } }); };

it('runs the words of what is typed, and leads to what it prints', async () => {
  const onStarted = vi.fn();
  const { asked } = at(<RunDialog onClose={vi.fn()} onStarted={onStarted} />, () => answer);
  expect(run().getAttribute('aria-disabled')).toBe('true');
  type('Command', `echo 'a b" c`);
  expect(screen.getByRole('alert', { hidden: true }).textContent).toBe('A quote is not closed.');
  type('Command', `echo 'a b' c`);
  type('Stop it after', 'PT10M');
  fireEvent.click(run());
  await waitFor(() => { expect(onStarted).toHaveBeenCalledWith('opn_1'); });
  expect(asked).toEqual([{ input: { serviceInstanceId: 'ins_1', command: ['echo', 'a b', 'c'], timeout: 'PT10M' } }]);
});

it('runs a line in a shell where that is asked for', async () => {
  const { asked } = at(<RunDialog onClose={vi.fn()} onStarted={vi.fn()} />, () => answer);
  fireEvent.click(screen.getByLabelText('In a shell'));
  type('Command', 'env | sort');
  fireEvent.click(run());
  await waitFor(() => { expect(asked).toHaveLength(1); });
  expect(asked[0]).toMatchObject({ input: { command: ['sh', '-c', 'env | sort'] } });
});

it('runs a cron service as its schedule does, and again what was run', async () => {
  const { asked, unmount } = at(<RunDialog onClose={vi.fn()} onStarted={vi.fn()} />, () => answer, { kind: 'CRON' });
  expect(screen.queryByLabelText('Command')).toBeNull();
  fireEvent.click(run());
  await waitFor(() => { expect(asked).toHaveLength(1); });
  expect(asked[0]).toMatchObject({ input: { command: [] } });
  unmount();
  at(<RunDialog again={['sh', '-c', 'a b']} onClose={vi.fn()} onStarted={vi.fn()} />, () => answer);
  expect(screen.getByLabelText<HTMLInputElement>('Command').value).toBe(`sh -c 'a b'`);
});

it('shows why it was not run', async () => {
  at(<RunDialog onClose={vi.fn()} onStarted={vi.fn()} />, () => ({ errors: [{ message: 'It was never deployed.', extensions: { code: 'CONFLICT', requestId: 'REQ1' } }] }));
  type('Command', 'true');
  fireEvent.click(run());
  await waitFor(() => { expect(screen.getByText(/It was never deployed/).textContent).toContain('request REQ1'); });
});
