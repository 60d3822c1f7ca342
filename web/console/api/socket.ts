// The one websocket, over which all subscriptions go, and what it does.
import { createClient } from 'graphql-ws';
import { useSyncExternalStore } from 'react';

export type Connection =
  | { state: 'idle' } // nothing is watched
  | { state: 'connecting' }
  | { state: 'live' }
  | { state: 'reconnecting'; attempt: number };

let connection: Connection = { state: 'idle' };
const watchers = new Set<() => void>();
const refusals = new Set<() => void>();

function become(next: Connection) {
  connection = next;
  for (const watcher of watchers) watcher();
}

export const useConnection = () => useSyncExternalStore(onConnection, () => connection);

export function onConnection(watcher: () => void) {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

// onSignedOut calls back whenever the server no longer knows who asks.
export function onSignedOut(callback: () => void) {
  refusals.add(callback);
  return () => refusals.delete(callback);
}

export function signedOut() {
  for (const callback of refusals) callback();
}

// 4400 to 4499 say that asking again is no use; 4429 and all else, that it is.
const forGood = (event: unknown) =>
  event instanceof CloseEvent && event.code >= 4400 && event.code < 4500 && event.code !== 4429;

let attempt = 0;
let wakeUp: (() => void) | undefined;
window.addEventListener('online', () => wakeUp?.());
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') wakeUp?.();
});

// backoff is 0.3 s to 10 s, longer each time and never for all consoles alike.
export const backoff = (attempt: number) => Math.min(10_000, 300 * 2 ** Math.min(attempt, 6)) * (0.75 + Math.random() / 2);

// waitToRetry waits no longer than until the network or the reader is back.
function waitToRetry() {
  const ms = backoff(attempt);
  return new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      wakeUp = undefined;
      resolve();
    };
    const timer = setTimeout(done, ms);
    wakeUp = done;
  });
}

// Who lost the network without being told, as a laptop that slept, gets no
// answer to a ping, and no other sign.
const patience = 5000;
let unanswered: ReturnType<typeof setTimeout> | undefined;

export const socket = createClient({
  url: () => `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/graphql`,
  lazy: true,
  lazyCloseTimeout: 3000, // from one page to the next it stays
  keepAlive: 10_000,
  retryAttempts: Number.MAX_SAFE_INTEGER,
  retryWait: waitToRetry,
  shouldRetry: (event) => !forGood(event),
  on: {
    connecting: () => {
      if (connection.state !== 'reconnecting') become({ state: 'connecting' });
    },
    connected: () => {
      attempt = 0;
      become({ state: 'live' });
    },
    ping: (received) => {
      if (received) return;
      clearTimeout(unanswered);
      unanswered = setTimeout(() => { socket.terminate(); }, patience);
    },
    pong: (received) => {
      if (received) clearTimeout(unanswered);
    },
    closed: (event) => {
      clearTimeout(unanswered);
      if (event instanceof CloseEvent && event.code === 4401) signedOut();
      const inOrder = event instanceof CloseEvent && event.code === 1000;
      if (inOrder || forGood(event)) {
        become({ state: 'idle' });
        return;
      }
      attempt++;
      become({ state: 'reconnecting', attempt });
    },
  },
});
