import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import { CombinedError } from '@urql/core';
import { afterEach, expect, it, vi } from 'vitest';
import { Outdated } from './outdated';

afterEach(cleanup);

it('is nothing while what is shown is read', () => {
  const { container } = render(<Outdated error={undefined} onRetry={vi.fn()} />);
  expect(container.childElementCount).toBe(0);
});

it('says why it was not read again, and tries when it is told to', () => {
  const onRetry = vi.fn();
  const error = new CombinedError({ graphQLErrors: [{ message: 'Something broke.', extensions: { code: 'INTERNAL', requestId: 'req-7' } }] });
  render(<Outdated error={error} onRetry={onRetry} />);
  expect(screen.getByRole('alert').textContent).toBe('Something broke.request req-7');
  expect(onRetry).not.toHaveBeenCalled();
  fireEvent.click(screen.getByRole('button', { name: 'Try again' }));
  expect(onRetry).toHaveBeenCalledOnce();
});
