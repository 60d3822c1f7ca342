import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { BuildSteps } from './BuildSteps';
import { size } from './DeploymentHeader';
import type { Build, Failure, Phase, Step } from './document';
import { FailureCard } from './FailureCard';
import { PhaseLadder } from './PhaseLadder';
import { stateOf } from './words';

afterEach(cleanup);

const phase = (over: Partial<Phase>): Phase => ({
  name: 'BUILD', status: 'SUCCEEDED', startedAt: null, finishedAt: null, durationMs: 1200, attempt: 1, maxAttempts: 3, detail: null, error: null, ...over,
});
const step = (id: string, over: Partial<Step> = {}): Step => ({
  id, name: `RUN ${id}`, inputs: [], status: 'SUCCEEDED', cached: false, startedAt: '2026-01-01T00:00:00Z', finishedAt: '2026-01-01T00:00:02Z', error: null, ...over,
});
const build = (steps: Step[]): Build => ({
  id: 'bld_1', status: 'RUNNING', builder: 'DOCKERFILE', platform: 'linux/amd64', cacheHit: false, startedAt: null, finishedAt: null, steps,
});
const failure: Failure = {
  code: 'APP_EXITED', domain: 'USER', phase: 'HEALTH_CHECK', message: 'It ended with exit code 3.', hint: 'Its last lines say why.', exitCode: 3,
  oomKilled: false, retryable: false, logExcerpt: [{ timestamp: '2026-01-01T00:00:00Z', stream: 'STDERR', message: '\x1b[31mpanic\x1b[0m: no' }],
};

describe('PhaseLadder', () => {
  it('says what ran, how long, which attempt it is, and why it failed', () => {
    const phases = [phase({}), phase({ name: 'HEALTH_CHECK', status: 'FAILED', attempt: 2, durationMs: 340, error: 'It does not answer.' })];
    render(<PhaseLadder deployment={{ phases, status: 'DEPLOYING', queuePosition: null }} />);
    expect(screen.getAllByRole('listitem').map((item) => item.textContent)).toEqual([
      'Build an image: done1.2 s',
      'Wait until they are healthy: failedattempt 2 of 3340 msIt does not answer.',
    ]);
  });

  it.each([
    ['QUEUED', 'QUEUE', 2, 'In the queue: 2 before it'],
    ['BUILDING', 'BUILD', 0, 'Waits for a place to build: it is next'],
  ] as const)('says in %s what it waits for', (status, name, queuePosition, text) => {
    const phases = [phase({ name, status: 'RUNNING', durationMs: null, startedAt: new Date().toISOString() })];
    render(<PhaseLadder deployment={{ phases, status, queuePosition }} />);
    expect(screen.getByText(text)).toBeTruthy();
  });
});

describe('BuildSteps', () => {
  it('tells what was kept from what ran, and shows what failed first', () => {
    const steps = [step('bad', { status: 'FAILED', error: 'exit code 1' }), ...Array.from({ length: 20 }, (_, i) => step(`n${i}`, { cached: i % 2 === 0 }))];
    render(<BuildSteps build={build(steps)} />);
    expect(screen.getByText('21 steps, 10 from the cache · linux/amd64')).toBeTruthy();
    expect(screen.getByText('exit code 1')).toBeTruthy();
    expect(screen.getAllByRole('listitem')).toHaveLength(12);
    fireEvent.click(screen.getByRole('button', { name: 'All 21 steps' }));
    expect(screen.getAllByRole('listitem')).toHaveLength(21);
  });
});

describe('FailureCard', () => {
  it('says why, whose fault it is, what it printed, and does what helps', () => {
    const onLogs = vi.fn();
    const nothing = () => undefined;
    render(
      <FailureCard failure={failure} serving={4} refused={null} busy={false} onRedeploy={nothing} onSettings={nothing} onVariables={nothing} onLogs={onLogs} />,
    );
    for (const text of ['It ended with exit code 3.', 'Its last lines say why.', 'Yours to mend', '#4 goes on serving.', 'APP_EXITED']) {
      expect(screen.getByText(text)).toBeTruthy();
    }
    expect(screen.getByRole('group', { name: 'Last lines' }).textContent).toBe('panic: no');
    fireEvent.click(screen.getByRole('button', { name: 'What it printed' }));
    expect(onLogs).toHaveBeenCalledOnce();
  });
});

describe('words', () => {
  it('tell what serves from what was replaced', () => {
    const state = (isActive: boolean) => stateOf({ status: 'COMPLETED', conclusion: 'SUCCEEDED', isActive }).text;
    expect([state(true), state(false)]).toEqual(['Live', 'Replaced']);
    expect(stateOf({ status: 'BUILDING', conclusion: null, isActive: false })).toEqual({ text: 'Building', tone: 'busy' });
  });

  it('say sizes', () => {
    expect([0, 999, 1500, 345_000_000].map(size)).toEqual(['0 B', '999 B', '1.5 KB', '345 MB']);
  });
});
