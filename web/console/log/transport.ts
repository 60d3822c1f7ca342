// Logs over the API: pages by HTTP, feeds by the websocket. Neither goes through
// the cache of objects, which would keep every line for ever.

import { print } from 'graphql';
import { graphql } from '../api/graphql';
import { signedOut, socket } from '../api/socket';
import { messageOf } from './tasks';
import type { FeedItem, FeedSink, Line, LogSource, Page, ServerFilter, Transport } from './line';

const pageQuery = print(graphql(`
  query LogPage($source: LogSource!, $query: LogQuery!) {
    logs(source: $source, query: $query) {
      lines { cursor timestamp stream severity message replicaId truncated continued }
      gaps { dropped reason from to }
      startCursor
      endCursor
      hasMoreBefore
      hasMoreAfter
    }
  }
`));

const feedSubscription = print(graphql(`
  subscription LogFeed($source: LogSource!, $filter: LogQuery, $after: Cursor) {
    logs(source: $source, filter: $filter, after: $after, tail: 1000) {
      __typename
      ... on LogBatch {
        lines { cursor timestamp stream severity message replicaId truncated continued }
        cursor
      }
      ... on LogGap { dropped gapReason: reason from to }
      ... on LogEnd { endReason: reason cursor }
    }
  }
`));

interface Answer<Data> {
  data?: Data | null;
  errors?: readonly { message: string; extensions?: { code?: string; requestId?: string } }[];
}

// Refused says, in the server's words, why it answers nothing.
export class Refused extends Error {
  constructor(message: string, readonly code: string, readonly requestId: string) {
    super(message);
  }
}

async function post<Data>(query: string, variables: object, signal: AbortSignal): Promise<Data> {
  const response = await fetch('/graphql', {
    method: 'POST',
    credentials: 'same-origin',
    headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json, application/json' },
    body: JSON.stringify({ query, variables }),
    signal,
  }).catch((error: unknown) => {
    if (signal.aborted) throw error;
    throw new Refused('The server does not answer. It may be restarting, or your connection is down.', '', '');
  });
  const answer = (await response.json().catch(() => ({}))) as Answer<Data>;
  if (answer.data) return answer.data;
  throw refusalOf(answer.errors ?? [], `The server answered ${response.status}.`);
}

function refusalOf(errors: NonNullable<Answer<unknown>['errors']>, otherwise: string): Refused {
  const code = errors[0]?.extensions?.code ?? '';
  if (code === 'UNAUTHENTICATED') signedOut();
  return new Refused(errors[0]?.message ?? otherwise, code, errors[0]?.extensions?.requestId ?? '');
}

interface Feed {
  logs:
    | { __typename: 'LogBatch'; lines: Line[]; cursor: string }
    | { __typename: 'LogGap'; dropped: number | null; gapReason: GapReason; from: string; to: string }
    | { __typename: 'LogEnd'; endReason: EndReason; cursor: string };
}
type GapReason = Extract<FeedItem, { kind: 'gap' }>['gap']['reason'];
type EndReason = Extract<FeedItem, { kind: 'end' }>['reason'];

function itemOf({ logs }: Feed): FeedItem {
  switch (logs.__typename) {
    case 'LogBatch':
      return { kind: 'batch', lines: logs.lines, cursor: logs.cursor };
    case 'LogGap':
      return { kind: 'gap', gap: { dropped: logs.dropped, reason: logs.gapReason, from: logs.from, to: logs.to } };
    case 'LogEnd':
      return { kind: 'end', reason: logs.endReason, cursor: logs.cursor };
  }
}

// A socket that is lost is made again, and its subscriptions are sent anew.
// `after` is read whenever that is done.
function follow(source: LogSource, filter: ServerFilter, after: () => string | undefined, sink: FeedSink): () => void {
  const variables = {
    source,
    filter: { ...filter, limit: 200 },
    get after() {
      return after();
    },
  };
  const unwatch = [
    socket.on('connected', () => { sink.connected(true); }),
    socket.on('closed', () => { sink.connected(false); }),
  ];
  const unsubscribe = socket.subscribe<Feed>(
    { query: feedSubscription, variables },
    {
      next: ({ data, errors }) => {
        if (data) sink.item(itemOf(data));
        else if (errors) sink.failed(messageOf(refusalOf(errors, 'The feed broke.')));
      },
      error: (error) => {
        sink.failed(Array.isArray(error) ? messageOf(refusalOf(error as [], 'The feed was refused.')) : 'The connection is lost.');
      },
      complete: () => undefined, // after an end, which came as an item
    },
  );
  return () => {
    for (const stop of unwatch) stop();
    unsubscribe();
  };
}

// api is the API of the server that this page is from.
export const api: Transport = {
  async page(source, filter, range, signal) {
    const { logs } = await post<{ logs: Page }>(pageQuery, { source, query: { ...filter, ...range } }, signal);
    return logs;
  },
  follow,
};
