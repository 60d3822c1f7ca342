import { createGraphiQLFetcher, type Fetcher } from '@graphiql/toolkit';
import { type DocumentNode, Kind, parse } from 'graphql';
import { createClient } from 'graphql-ws';

import { authorization } from './session';

export type Transport = { fetcher: Fetcher; close: () => void };

// connect returns what runs operations as whoever the token speaks for, or the
// browser's session if it is '': queries and mutations over HTTP, subscriptions
// over one websocket that opens with the first. onRefused is called when that is
// no longer valid.
export function connect(token: string, onRefused: () => void): Transport {
  const url = new URL('/graphql', location.href);
  const wsClient = createClient({
    url: url.href.replace(/^http/, 'ws'),
    connectionParams: authorization(token),
    // Closed in good order, or by a server that restarts: come back. Who is
    // refused (4401, 4403) stays so.
    shouldRetry: (event) => !(event instanceof CloseEvent && event.code >= 4400 && event.code < 4500),
    on: {
      closed: (event) => {
        if (event instanceof CloseEvent && (event.code === 4401 || event.code === 4403)) onRefused();
      },
    },
  });
  const fetcher = createGraphiQLFetcher({
    url: url.href,
    wsClient,
    enableIncrementalDelivery: false, // the server has none
    fetch: async (input, init) => {
      const headers = new Headers(init?.headers);
      const ours = !headers.has('authorization'); // the Headers tab may ask as somebody else
      if (ours && token) headers.set('authorization', `Bearer ${token}`);
      const response = await fetch(input, { ...init, headers });
      if (ours && response.status === 401) onRefused();
      return response;
    },
  });
  return { fetcher: reading(fetcher), close: () => void wsClient.dispose() };
}

// reading passes on what the text says. After a change of tab GraphiQL takes a
// moment to read the new one, and until then sends the old operation's name.
const reading =
  (fetcher: Fetcher): Fetcher =>
  (params, options) => {
    let documentAST: DocumentNode;
    try {
      documentAST = parse(params.query);
    } catch {
      return fetcher(params, options); // the server says what is wrong with it
    }
    const names = documentAST.definitions.flatMap((d) => (d.kind === Kind.OPERATION_DEFINITION ? [d.name?.value] : []));
    const operationName = names.length === 1 ? names[0] : params.operationName;
    return fetcher({ ...params, operationName }, { ...options, documentAST });
  };
