import { cacheExchange } from '@urql/exchange-graphcache';
import { Client, fetchExchange, mapExchange, subscriptionExchange } from '@urql/core';
import { again } from './again';
import { ask } from './ask';
import { behindExchange } from './behind';
import { code } from './fault';
import { resumed } from './newest';
import { signedOut, socket } from './socket';
import { tornExchange } from './torn';
import { embedded, possibleTypes } from './types';

const keys = Object.fromEntries(embedded.map((name) => [name, () => null]));

// connect makes a client with an empty cache: for each who signs in, a new one.
export function connect() {
  return new Client({
    url: '/graphql',
    preferGetMethod: false,
    fetch: ask,
    fetchOptions: { credentials: 'same-origin' },
    exchanges: [
      behindExchange,
      mapExchange({
        onError(error, operation) {
          if (operation.kind !== 'mutation' && code(error) === 'UNAUTHENTICATED') signedOut();
        },
      }),
      cacheExchange({ keys, possibleTypes }),
      tornExchange,
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query, variables }) => ({
          subscribe: (sink) => ({
            unsubscribe: again((sink) => {
              const [sent, heard] = resumed(variables ?? {});
              const next: typeof sink.next = (result) => {
                heard(result.data);
                sink.next(result);
              };
              return socket.subscribe({ query: query ?? '', variables: sent }, { ...sink, next });
            }, sink),
          }),
        }),
      }),
    ],
  });
}
