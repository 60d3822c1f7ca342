import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import { useState } from 'react';
import { afterEach, expect, it } from 'vitest';
import { settingsOf } from './build';
import { fresh, type Draft } from './draft';
import { How } from './how';
import type { Detection } from './operations';

afterEach(cleanup);

const detection = {
  builder: 'AUTO', language: 'Node.js', framework: null, runtimeVersion: null, versionSource: null, packageManager: null, installCommand: 'npm ci',
  buildCommand: 'npm run build', startCommand: 'npm start', preDeployCommand: [], packages: [], dockerfile: '', port: 3000, outputDirectory: null, confidence: 1, trace: [], processes: [], commit: { sha: 'abc', message: 'x' },
} satisfies Detection;

function Form() {
  const [draft, setDraft] = useState<Draft>(fresh);
  return (
    <>
      <How draft={draft} change={(part) => { setDraft((before) => ({ ...before, ...part })); }} detection={detection} />
      <output>{JSON.stringify(settingsOf(draft, detection))}</output>
    </>
  );
}

const sent = (): unknown => JSON.parse(screen.getByRole('status').textContent);

const value = (label: RegExp) => screen.getByLabelText<HTMLInputElement>(label).value;

it('shows what was detected in fields, and sends what is changed alone', () => {
  render(<Form />);
  expect([/^Install command/, /^Build command/, /^Start command/, /^Port/].map(value)).toEqual(['npm ci', 'npm run build', 'npm start', '3000']);
  expect(sent()).toEqual({});
  fireEvent.change(screen.getByLabelText(/^Build command/), { target: { value: 'make' } });
  expect(sent()).toEqual({ buildCommand: 'make' });
  fireEvent.click(screen.getByRole('button', { name: 'Use it' }));
  expect(value(/^Build command/)).toBe('npm run build');
  expect(sent()).toEqual({});
});

it('goes back to what was detected where a field is emptied', () => {
  render(<Form />);
  const port = screen.getByLabelText(/^Port/);
  fireEvent.change(port, { target: { value: '' } });
  expect(value(/^Port/)).toBe('');
  fireEvent.blur(port);
  expect(value(/^Port/)).toBe('3000');
});

it('asks for the Dockerfile where that builds it', () => {
  render(<Form />);
  fireEvent.change(screen.getByLabelText('Builder'), { target: { value: 'DOCKERFILE' } });
  expect(screen.queryByLabelText(/^Build command/)).toBeNull();
  fireEvent.change(screen.getByLabelText(/^Dockerfile/), { target: { value: 'docker/web' } });
  expect(sent()).toEqual({ builder: 'DOCKERFILE', dockerfilePath: 'docker/web' });
});
