import { act, cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/react';
import { useState } from 'react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Hints } from '../ui/hint';
import { FakeServer, source } from './fakeserver';
import { type LogView, LogViewer } from './LogViewer';

// A page that is laid out nowhere has no heights.
beforeEach(() => {
  for (const size of ['offsetHeight', 'clientHeight', 'offsetWidth'] as const) vi.spyOn(HTMLElement.prototype, size, 'get').mockReturnValue(600);
});
afterEach(() => {
  cleanup();
  vi.restoreAllMocks();
  localStorage.clear();
});

function open(server: FakeServer, first: LogView = {}) {
  const seen: LogView[] = [];
  const Page = () => {
    const [view, setView] = useState(first);
    return (
      <LogViewer
        name="shop-production"
        source={source}
        view={view}
        transport={server}
        onView={(next) => {
          seen.push(next);
          setView(next);
        }}
      />
    );
  };
  render(<Hints><Page /></Hints>);
  return seen;
}

const log = () => screen.getByRole('log', { name: 'shop-production' });
const drawn = () => [...log().querySelectorAll('.log-text')].map((e) => e.textContent);
const filter = () => screen.getByLabelText('Filter');
const says = (text: string) => waitFor(() => { expect(drawn().at(-1)).toBe(text); });

it('shows the end of a log, and what is printed then', async () => {
  const server = new FakeServer();
  server.print(2000);
  open(server);
  await says('line 2000');
  expect(log().textContent).toContain('Waiting for lines');
  act(() => { server.print(3); });
  await says('line 2003');
  expect(drawn().length).toBeLessThan(120); // of 503 that were read
});

it('shows what a filter keeps, and says so in the address', async () => {
  const server = new FakeServer();
  server.print(300);
  const seen = open(server);
  await says('line 300');
  fireEvent.change(filter(), { target: { value: '77' } });
  fireEvent.keyDown(filter(), { key: 'Enter' });
  await says('line 277');
  expect(drawn()).toEqual(['line 77', 'line 177', 'line 277']);
  expect([...log().querySelectorAll('mark')].map((m) => m.textContent)).toEqual(['77', '77', '77']);
  expect(seen).toEqual([{ log: '77', line: undefined }]);
  act(() => { server.print(77); });
  await says('line 377');
});

it('says what of a filter it cannot read', async () => {
  open(new FakeServer(), { log: 'level:loud' });
  expect((await screen.findByText(/^Levels are/)).parentElement?.textContent).toContain('level:loud');
});

it('finds a text, and says which of how many lines that is', async () => {
  const server = new FakeServer();
  server.print(300);
  open(server);
  await says('line 300');
  const find = screen.getByLabelText('Find in the log');
  fireEvent.change(find, { target: { value: 'line 29' } });
  await screen.findByText('11 lines');
  fireEvent.keyDown(find, { key: 'Enter' });
  await waitFor(() => { expect(within(screen.getByRole('search')).getByRole('status').textContent).toMatch(/^\d+ of 11$/); });
  expect(log().querySelector('[aria-current=true]')?.textContent).toMatch(/line 29/);
});

it('says what went wrong, and tries again', async () => {
  const server = new FakeServer();
  server.print(5);
  server.failNext = 1;
  open(server);
  expect((await screen.findByRole('alert')).textContent).toContain('The server is away.');
  fireEvent.click(screen.getByRole('button', { name: 'Try again' }));
  await says('line 5');
});

it('says when the line is lost, goes on when it is back, and ends with the log', async () => {
  const server = new FakeServer();
  server.print(5);
  open(server);
  await says('line 5');
  act(() => { server.cut(); });
  await screen.findByText(/The connection is lost/);
  act(() => {
    server.restore();
    server.print(2);
  });
  await says('line 7');
  act(() => { server.finish(); });
  await screen.findByText(/^End of the log/);
});

it('leaves nothing open when it goes', async () => {
  const server = new FakeServer();
  open(server);
  await screen.findByText(/Waiting for lines/);
  cleanup();
  await waitFor(() => { expect(server.followers).toBe(0); });
});
