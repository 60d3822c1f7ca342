import { cleanup, fireEvent, screen } from '@testing-library/react';
import { useState } from 'react';
import { afterEach, expect, it, vi } from 'vitest';
import { at } from '../service/fixture';
import { Branch } from './branch';
import { fresh } from './draft';
import type { RepositoryData } from './operations';

afterEach(cleanup);

const named = (names: string[]) => names.map((name) => ({ name }));
const hundred = Array.from({ length: 100 }, (_, i) => `a${i}`);
const repository = (names: string[], totalCount = names.length): RepositoryData => ({
  fullName: 'team/shop', url: 'https://forge/team/shop', defaultBranch: 'main', canPull: true, reason: null, branches: { totalCount, nodes: named(names) }, detect: null,
});

function Form({ of, onLook }: { of: RepositoryData | undefined; onLook: (ref: string) => void }) {
  const [ref, setRef] = useState('');
  return <Branch draft={{ ...fresh, repository: ' https://forge/team/shop', token: 't', ref }} repository={of} onRef={setRef} onLook={onLook} />;
}

const options = () => Array.from(document.querySelectorAll('option'), (o) => o.value);
const type = (value: string) => { fireEvent.change(screen.getByLabelText('Branch'), { target: { value } }); };

it('lists all branches where that is all there are', () => {
  const onLook = vi.fn();
  const { asked } = at(<Form of={repository(['main', 'next'])} onLook={onLook} />, () => ({}));
  expect(options()).toEqual(['', 'next']);
  type('next');
  expect(onLook).toHaveBeenCalledExactlyOnceWith('next');
  expect(asked).toHaveLength(0);
});

it('looks among more branches than a list has for what is typed', async () => {
  const onLook = vi.fn();
  const { asked } = at(<Form of={repository(hundred, 2500)} onLook={onLook} />, ({ variables }) => ({
    data: { repository: { branches: variables.query === 'v' ? { totalCount: 1200, nodes: named(hundred) } : { totalCount: 1, nodes: named(['release/v9']) } } },
  }));
  expect(options()).toEqual(hundred);
  screen.getByText('The first 100 of 2,500 are listed: type to find another.');
  type('v');
  screen.getByText('Looking for branches…');
  await screen.findByText('The first 100 of 1,200 with this in their name are listed.');
  type('v9');
  await screen.findByText('1 branch has this in its name.');
  expect(options()).toEqual(['release/v9']);
  expect(asked.map((v) => v.query)).toEqual(['v', 'v9']);
  expect(asked[0]).toMatchObject({ url: 'https://forge/team/shop', credential: { token: 't', username: null } });
  expect(onLook).not.toHaveBeenCalled();
  fireEvent.keyDown(screen.getByLabelText('Branch'), { key: 'Enter' });
  expect(onLook).toHaveBeenCalledExactlyOnceWith('v9');
});

it('takes what no branch is called, and says what is wrong with a search', async () => {
  const onLook = vi.fn();
  at(<Form of={repository(hundred, 2500)} onLook={onLook} />, ({ variables }) =>
    variables.query === 'v1.0' ? { data: { repository: { branches: { totalCount: 0, nodes: [] } } } } : { errors: [{ message: 'You look too often.' }] });
  type('v1.0');
  await screen.findByText('No branch has this in its name. It may be a tag or a commit.');
  fireEvent.blur(screen.getByLabelText('Branch'));
  expect(onLook).toHaveBeenCalledExactlyOnceWith('v1.0');
  type('v1.');
  expect((await screen.findByRole('alert')).textContent).toBe('You look too often.');
});

it('lets one type a branch of what cannot be looked into', () => {
  const { asked } = at(<Form of={undefined} onLook={vi.fn()} />, () => ({}));
  type('next ');
  expect(screen.getByLabelText<HTMLInputElement>('Branch').value).toBe('next');
  expect(asked).toHaveLength(0);
});
