// The newest event of the workspace that this page knows of. Who begins to watch
// after it, and reads later, misses nothing that happens between the two.
import { print } from 'graphql';
import { useEffect } from 'react';
import { graphql } from './graphql';
import { socket } from './socket';

let newest: string | undefined;

export const newestEvent = () => newest;

// noteEvent is told of each event that comes, by its cursor, and of none at the
// beginning of a session.
export function noteEvent(cursor: string | undefined) {
  newest = cursor;
}

const feed = print(graphql(`
  subscription Newest($workspace: ID!, $after: Cursor) {
    events(scopeId: $workspace, after: $after) {
      cursor
    }
  }
`));

// useNewest hears of every event of the workspace as long as a page is open: from
// where one was, if the line was cut.
export function useNewest(workspace: string) {
  useEffect(() => {
    const variables = {
      workspace,
      get after() {
        return newest;
      },
    };
    return socket.subscribe<{ events: { cursor: string } }>(
      { query: feed, variables },
      {
        next: ({ data }) => { if (data) noteEvent(data.events.cursor); },
        error: () => undefined, // a page says what is wrong
        complete: () => undefined,
      },
    );
  }, [workspace]);
}

// resumed are the variables of a feed of events that go on, each time they are
// sent, after the last event that came; and what is told of each.
export function resumed<V extends object>(variables: V): [V, (data: unknown) => void] {
  if (!('after' in variables)) return [variables, () => undefined];
  let after: unknown = variables.after;
  const heard = (data: unknown) => {
    const { events } = (data ?? {}) as { events?: { cursor?: string } };
    after = events?.cursor ?? after;
  };
  return [Object.defineProperty({ ...variables }, 'after', { enumerable: true, get: () => after }), heard];
}
