import { cleanup, render } from '@testing-library/react';
import { afterEach, expect, it } from 'vitest';
import type { InstanceState } from '../api/instance';
import { WhatRuns } from './what-runs';

afterEach(cleanup);

type Active = NonNullable<InstanceState['activeDeployment']>;
const git: InstanceState['service']['source'] = { __typename: 'GitSource', repository: 'https://forge/team/shop', ref: 'main' };
const active = (over: Partial<Active>): Active => ({ id: 'dep_1', number: 1, trafficSwitchedAt: null, image: null, bundle: null, commit: null, ...over });
const commit = { sha: '0123456789abcdef', message: 'Sell boats\n\nAll of them.', branch: 'main' };
const image = { reference: 'davit/svc:1', digest: 'sha256:fedcba9876543210' };

it.each([
  ['what is to be deployed first', null, 'forge/team/shop'],
  ['the commit that serves', active({ commit, image }), '0123456main: Sell boats'],
  ['an upload that serves in its place', active({ image }), 'Upload fedcba987654'],
] as const)('names of a repository %s', (_, deployment, text) => {
  const { container } = render(<WhatRuns deployment={deployment} source={git} />);
  expect(container.textContent).toBe(text);
});
