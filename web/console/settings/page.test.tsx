import { act, cleanup, fireEvent, screen, waitFor } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';
import { at } from '../service/fixture';
import { Settings } from './page';

const navigate = vi.hoisted(() => vi.fn(() => Promise.resolve()));
vi.mock('@tanstack/react-router', () => ({ useNavigate: () => navigate }));
let happened: () => void = () => undefined;
vi.mock('../api/live', () => ({ useEvents: (_: string, changed: () => void) => { happened = changed; } }));

afterEach(cleanup);

const settings = {
  builder: 'AUTO', language: null, languageVersion: null, dockerfilePath: 'Dockerfile', dockerTarget: null, buildArgs: [], packages: [], processes: [], configFiles: [],
  installCommand: null, buildCommand: null, outputDirectory: null, startCommand: null, preDeployCommand: null, port: 8080, cron: null, timeZone: 'UTC', cronOverlap: 'SKIP',
  healthCheck: { kind: 'TCP', successCodes: null, path: null, port: null, command: [], interval: 'PT10S', timeout: 'PT5S', startPeriod: 'PT1M', healthyThreshold: 1 },
  resources: { cpuMillis: 1000, memoryBytes: 512 * 1024 * 1024 }, restartPolicy: 'ALWAYS', restartMaxRetries: 0, drainTimeout: 'PT30S',
};
const service = { id: 'svc_1', version: 4, name: 'web', kind: 'WEB', source: { __typename: 'ImageSource', image: 'nginx' } };
const found = { id: 'ins_1', version: 7, nextCronRunAt: null, settings, service };
const ok = ({ query }: { query: string }) =>
  query.includes('mutation') ? { data: { updateServiceInstance: { instance: found, deployment: { id: 'dep_2' } } } } : { data: { serviceInstance: found } };

const change = (label: string, value: string) => { fireEvent.change(screen.getByLabelText(label), { target: { value } }); };

it('says what will change, and applies all of it at once', async () => {
  const { asked } = at(<Settings />, ok);
  await screen.findByLabelText('Port');
  expect(screen.queryByLabelText('Changes that are not applied')).toBeNull();
  change('Port', '3000');
  fireEvent.click(screen.getByRole('button', { name: 'Add a process' }));
  change('Name of process 1', 'worker');
  change('Command of process 1', 'run worker');
  fireEvent.click(screen.getByRole('button', { name: 'Add a file' }));
  change('Path of file 1', '/etc/app.conf');
  change('Content of file 1', 'a = 1');
  expect(screen.getByLabelText('Changes that are not applied').textContent).toContain('3 changes, not applied yet');
  fireEvent.click(screen.getByRole('button', { name: 'Apply and redeploy' }));
  await waitFor(() => { expect(navigate).toHaveBeenCalledOnce(); });
  expect(asked[1]).toEqual({
    input: {
      serviceInstanceId: 'ins_1', expectedVersion: 7, apply: 'REDEPLOY',
      settings: { port: 3000, processes: [{ name: 'worker', command: 'run worker', replicas: 1 }], configFiles: [{ path: '/etc/app.conf', mode: 0o644, content: 'a = 1' }] },
    },
  });
});

it('deploys anew what failed, with what was changed', async () => {
  navigate.mockClear();
  const latest = { id: 'dep_2', number: 2, status: 'COMPLETED', conclusion: 'FAILED', isActive: false, createdAt: '2026-01-01T00:00:00Z', queuePosition: null, failure: null } as const;
  const { asked } = at(<Settings />, (body) => (body.query.includes('deploy(') ? { data: { deploy: { deployment: { id: 'dep_3', number: 3 } } } } : ok(body)), { latest });
  await screen.findByLabelText('Port');
  change('Port', '3000');
  expect(screen.getByText('#2 failed. To redeploy takes what serves, #1. To deploy anew takes the newest source, with these settings.')).toBeTruthy();
  fireEvent.click(screen.getByRole('button', { name: 'Apply and deploy anew' }));
  await waitFor(() => { expect(navigate).toHaveBeenCalledOnce(); });
  expect(asked).toContainEqual({ input: { serviceInstanceId: 'ins_1', expectedVersion: 7, apply: 'STAGE', settings: { port: 3000 } } });
  expect(asked).toContainEqual({ input: { serviceInstanceId: 'ins_1' } });
  expect(navigate).toHaveBeenCalledWith(expect.objectContaining({ params: { project: 'shop', service: 'web', deployment: 'dep_3' } }));
});

it('sends nothing that is wrong, and forgets what is discarded', async () => {
  const { asked } = at(<Settings />, ok);
  await screen.findByLabelText('Port');
  change('Port', '70000');
  expect(screen.getByText('A port is a number from 1 to 65535.')).toBeTruthy();
  fireEvent.click(screen.getByRole('button', { name: 'Apply and redeploy' }));
  fireEvent.click(screen.getByRole('button', { name: 'Discard' }));
  expect(screen.getByLabelText<HTMLInputElement>('Port').value).toBe('8080');
  expect(asked).toHaveLength(1);
});

it('offers what is there now to who is too late', async () => {
  const late = { errors: [{ message: 'Somebody else changed this meanwhile.', extensions: { code: 'VERSION_CONFLICT' } }] };
  at(<Settings />, (body) => (body.query.includes('mutation') ? late : ok(body)));
  await screen.findByLabelText('Port');
  change('Port', '3000');
  fireEvent.click(screen.getByRole('button', { name: 'Apply and redeploy' }));
  await screen.findByText('Somebody else changed this meanwhile.');
  expect(screen.getByRole('button', { name: /Put my changes onto/ })).toBeTruthy();
});

it('lets nobody change what he may not', async () => {
  at(<Settings />, ok, { can: [{ action: 'WRITE', allowed: false, reason: 'You may look only.' }] });
  expect((await screen.findByLabelText<HTMLInputElement>('Port')).disabled).toBe(true);
  expect(screen.getByText('You may look only.')).toBeTruthy();
});

it('keeps what is typed when it cannot be read again, and says that it was not', async () => {
  let broken = false;
  at(<Settings />, (body) => (broken ? { errors: [{ message: 'Something broke.' }] } : ok(body)));
  await screen.findByLabelText('Port');
  change('Port', '3000');
  broken = true;
  act(() => { happened(); });
  await screen.findByText('Something broke.');
  expect(screen.getByLabelText<HTMLInputElement>('Port').value).toBe('3000');
  expect(screen.getByText('1 change, not applied yet')).toBeTruthy();
  broken = false;
  fireEvent.click(screen.getByRole('button', { name: 'Try again' }));
  await waitFor(() => { expect(screen.queryByText('Something broke.')).toBeNull(); });
  expect(screen.getByLabelText<HTMLInputElement>('Port').value).toBe('3000');
});
