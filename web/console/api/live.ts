// Nothing polls: the server says what changed, and what was missed while the
// line was cut is asked for once it stands again.
import { useEffect, useRef, useState } from 'react';
import { useSubscription } from 'urql';
import { graphql } from './graphql';
import { newestEvent } from './newest';
import { socket } from './socket';

const eventsFeed = graphql(`
  subscription Events($scope: ID!, $after: Cursor) {
    events(scopeId: $scope, after: $after) {
      id
      cursor
      type
      subjectId
    }
  }
`);

const quiet = 150; // milliseconds in which several events are one

// useEvents calls back after what happened in a scope, a few events at a time,
// and after the line to the server was cut, when anything may have happened. It
// hears of all that happened since it was first rendered, however long it took
// until the scope was known and read. While the caller is busy asking it waits:
// who asks meanwhile would get that answer.
export function useEvents(scope: string | undefined, changed: () => void, busy: boolean) {
  const [after] = useState(newestEvent);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const latest = useRef({ changed, busy });
  const missed = useRef(false); // something happened meanwhile
  useEffect(() => {
    latest.current = { changed, busy };
    if (busy || !missed.current) return;
    missed.current = false;
    changed();
  });
  const now = () => {
    if (latest.current.busy) missed.current = true;
    else latest.current.changed();
  };
  const soon = () => {
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      now();
    }, quiet);
  };
  useSubscription({ query: eventsFeed, variables: { scope: scope ?? '', after }, pause: !scope }, (_, event) => {
    soon();
    return event;
  });
  useReconnected(now);
  useEffect(() => () => { clearTimeout(timer.current); }, []);
}

// useReconnected calls back each time the line stands again after it was cut.
export function useReconnected(back: () => void) {
  const latest = useRef(back);
  useEffect(() => {
    latest.current = back;
  });
  useEffect(() => {
    let cut = false;
    const closed = socket.on('closed', (event) => {
      cut ||= !(event instanceof CloseEvent && event.code === 1000);
    });
    const connected = socket.on('connected', () => {
      if (cut) latest.current();
      cut = false;
    });
    return () => {
      closed();
      connected();
    };
  }, []);
}
