import { cleanup, fireEvent, screen, waitFor } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';
import { at } from '../service/fixture';
import { Access } from './access';

afterEach(cleanup);

const source = { __typename: 'GitSource' as const, repository: 'https://github.com/team/shop', ref: 'main', rootDirectory: null, credential: null };
const answer = () => ({ data: { updateService: { service: { id: 'svc_1', version: 2, name: 'shop', source } } } });

it('shows the public half of a deploy key, and where it is added', () => {
  const credential = { kind: 'DEPLOY_KEY' as const, username: 'git', publicKey: 'ssh-ed25519 AAAA davit', lastUsedAt: null };
  at(<Access serviceId="svc_1" source={{ ...source, repository: 'git@github.com:team/shop.git', credential }} refused={null} onChanged={vi.fn()} />, answer);
  expect(screen.getByText('ssh-ed25519 AAAA davit')).toBeTruthy();
  expect(screen.getByRole('link').getAttribute('href')).toBe('https://github.com/team/shop/settings/keys/new');
});

it('makes a key for the address by ssh, which it proposes', async () => {
  const onChanged = vi.fn();
  const { asked } = at(<Access serviceId="svc_1" source={source} refused={null} onChanged={onChanged} />, answer);
  fireEvent.click(screen.getByRole('button', { name: 'It is private…' }));
  fireEvent.click(screen.getByRole('radio', { name: /Deploy key/, hidden: true }));
  const make = screen.getByRole('button', { name: 'Make a key', hidden: true });
  expect(make.getAttribute('aria-disabled')).toBe('true');
  fireEvent.click(screen.getByRole('button', { name: /Use git@/, hidden: true }));
  fireEvent.click(make);
  await waitFor(() => { expect(onChanged).toHaveBeenCalledOnce(); });
  expect(asked).toEqual([{ input: { serviceId: 'svc_1', source: { git: { repository: 'git@github.com:team/shop.git', ref: 'main', rootDirectory: null, generateDeployKey: true } } } }]);
});

it('stores a token, and asks for nothing without one', async () => {
  const { asked } = at(<Access serviceId="svc_1" source={source} refused={null} onChanged={vi.fn()} />, answer);
  fireEvent.click(screen.getByRole('button', { name: 'It is private…' }));
  const store = screen.getByRole('button', { name: 'Store the token', hidden: true });
  fireEvent.click(store);
  fireEvent.change(screen.getByLabelText('Token', { selector: '[type=password]' }), { target: { value: 'shh' } });
  fireEvent.click(store);
  await waitFor(() => { expect(asked).toHaveLength(1); });
  expect(asked[0]).toMatchObject({ input: { source: { git: { token: 'shh', generateDeployKey: false } } } });
});
