import { cleanup, render, screen } from '@testing-library/react';
import { afterEach, expect, it } from 'vitest';
import { Detected } from './detected';
import type { Detection } from './operations';

afterEach(cleanup);

it('says what was found, why, and what is done with it', () => {
  const detection = {
    builder: 'AUTO', language: 'Ruby', framework: 'Rails', runtimeVersion: '3.4', versionSource: '.ruby-version', packageManager: 'bundler 2', installCommand: 'bundle install',
    buildCommand: null, startCommand: 'rails server', preDeployCommand: ['rails', 'db:migrate'], packages: ['libvips'], dockerfile: 'FROM ruby:3.4', port: 3000, outputDirectory: null, confidence: 1,
    trace: ['It has a Gemfile.'], processes: [{ name: 'worker', command: 'sidekiq' }], commit: { sha: '0123456789', message: 'Sail\n\nat last' },
  } satisfies Detection;
  render(<Detected detection={detection} />);
  for (const text of ['version 3.4 (.ruby-version)', 'port 3000', '0123456', 'rails db:migrate', 'worker', 'libvips', 'It has a Gemfile.', 'FROM ruby:3.4']) {
    expect(screen.getByText(text)).toBeTruthy();
  }
  expect(screen.getByRole('status').textContent).toContain('Rails · Ruby');
});
