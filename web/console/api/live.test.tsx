import { act, cleanup, render } from '@testing-library/react';
import { Client, subscriptionExchange, type ExecutionResult } from '@urql/core';
import { Provider } from 'urql';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { useEvents } from './live';
import { noteEvent, resumed } from './newest';

beforeEach(() => { vi.useFakeTimers(); });
afterEach(() => {
  cleanup();
  noteEvent(undefined);
  vi.useRealTimers();
});

// world is a page that watches a scope once it knows it, and the feeds it began.
function world() {
  const feeds: { variables: unknown; send: (result: ExecutionResult) => void }[] = [];
  const client = new Client({
    url: 'http://davit/graphql',
    preferGetMethod: false,
    exchanges: [
      subscriptionExchange({
        forwardSubscription: ({ variables }) => ({
          subscribe: (sink) => {
            feeds.push({ variables, send: (result) => { sink.next(result); } });
            return { unsubscribe: () => undefined };
          },
        }),
      }),
    ],
  });
  const changed = vi.fn();
  const Page = ({ scope, busy }: { scope: string | undefined; busy: boolean }) => {
    useEvents(scope, changed, busy);
    return null;
  };
  const page = (scope?: string, busy = false) => <Provider value={client}><Page scope={scope} busy={busy} /></Provider>;
  const { rerender } = render(page());
  const show = (scope: string, busy = false) => { rerender(page(scope, busy)); };
  // watched is a world whose feed has begun, in which things happen.
  const watched = async (busy: boolean) => {
    show('prj_1', busy);
    await act(() => Promise.resolve()); // a feed begins a moment later
    return (cursor: string) => { act(() => { feeds[0]?.send(event(cursor)); }); };
  };
  return { feeds, changed, show, watched };
}

const event = (cursor: string) => ({ data: { events: { __typename: 'Event', id: `evt_${cursor}`, cursor, type: 'service.created', subjectId: 'svc_1' } } });

it('hears of what happened while the page was read', async () => {
  noteEvent('c7');
  const w = world(); // asks what its scope is, and what is in it
  noteEvent('c9'); // c8 and c9 happen, of which the answer may know nothing
  const happens = await w.watched(false);
  expect(w.feeds.map((f) => f.variables)).toEqual([{ scope: 'prj_1', after: 'c7' }]);
  happens('c8');
  happens('c9');
  expect(w.changed).not.toHaveBeenCalled();
  act(() => { vi.runAllTimers(); });
  expect(w.changed).toHaveBeenCalledTimes(1);
});

it('asks afterwards about what happens while it asks', async () => {
  const w = world();
  const happens = await w.watched(true);
  happens('c1');
  act(() => { vi.runAllTimers(); });
  expect(w.changed).not.toHaveBeenCalled();
  w.show('prj_1');
  expect(w.changed).toHaveBeenCalledTimes(1);
  w.show('prj_1');
  act(() => { vi.runAllTimers(); });
  expect(w.changed).toHaveBeenCalledTimes(1);
});

it('goes on after the last event when a lost line stands again', () => {
  const [sent, heard] = resumed({ scope: 'prj_1', after: 'c7' });
  expect(JSON.parse(JSON.stringify(sent))).toEqual({ scope: 'prj_1', after: 'c7' });
  heard(event('c8').data);
  expect(JSON.parse(JSON.stringify(sent))).toEqual({ scope: 'prj_1', after: 'c8' });
});

it('leaves the variables of other subscriptions as they are', () => {
  const variables = { id: 'dep_1' };
  const [sent, heard] = resumed(variables);
  heard({ deploymentUpdated: { id: 'dep_1' } });
  expect(sent).toBe(variables);
});
