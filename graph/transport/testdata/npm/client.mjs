// Talks to the server at argv[2] with the reference client of
// graphql-transport-ws. Prints "idle" once a subscription is open, and in the
// end how the server closed the socket. Fails if an answer is wrong.
import assert from 'node:assert/strict';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const url = process.argv[2];
const connect = (options) => createClient({ url, webSocketImpl: WebSocket, retryAttempts: 0, ...options });

async function all(client, query, variables) {
  const results = [];
  for await (const result of client.iterate({ query, variables })) results.push(result);
  return results;
}

async function rejection(promise) {
  try {
    await promise;
  } catch (err) {
    return err;
  }
  assert.fail('it was not rejected');
}

let latency;
const client = connect({
  lazy: false,
  onNonLazyError: () => {}, // the restart at the end
  keepAlive: 10,
  connectionParams: { authorization: 'ann' },
  on: { pong: (received) => (latency = received) },
});

// Operations of all kinds, fifty at a time on one socket.
assert.deepEqual(await all(client, '{hello}'), [{ data: { hello: 'hello ann' } }]);
assert.deepEqual(await all(client, 'mutation($n:Int!){add(n:$n)}', { n: 1 }), [{ data: { add: 2 } }]);
assert.deepEqual(
  await Promise.all(Array.from({ length: 50 }, () => all(client, 'subscription{count(to:3)}'))),
  Array(50).fill([1, 2, 3].map((count) => ({ data: { count } }))),
);

// Errors before execution reject, errors of execution do not.
for (const [query, code] of [
  ['{', 'GRAPHQL_PARSE_FAILED'],
  ['{nothing}', 'GRAPHQL_VALIDATION_FAILED'],
  ['subscription{refused}', 'NOT_FOUND'],
]) {
  const errors = await rejection(all(client, query));
  assert.equal(errors[0].extensions.code, code);
}
const [{ data, errors }] = await all(client, '{broken}');
assert.deepEqual(data, { broken: null });
assert.equal(errors[0].extensions.code, 'INTERNAL');

// A subscription that ends with an error.
const ended = client.iterate({ query: 'subscription{ended}' });
assert.deepEqual((await ended.next()).value, { data: { ended: 0 } });
assert.equal((await rejection(ended.next()))[0].extensions.code, 'FORBIDDEN');

// A subscription that the client leaves; its id is not used again, the socket
// is.
const left = client.iterate({ query: 'subscription{idle}' });
assert.deepEqual((await left.next()).value, { data: { idle: 0 } });
await left.return();
assert.deepEqual(await all(client, '{hello}'), [{ data: { hello: 'hello ann' } }]);

// The client's own pings were answered.
while (!latency) await new Promise((resolve) => setTimeout(resolve, 5));

// Who is not let in.
const refused = await rejection(all(connect({ connectionParams: { authorization: 'nobody' } }), '{hello}'));
assert.equal(refused.code, 4403);

// The server restarts; the reference client takes it for a reason to return.
let retries = 0;
let closed;
const restarted = connect({
  retryAttempts: 1,
  retryWait: async () => void retries++,
  on: { closed: (event) => (closed ??= event) },
});
const idle = restarted.iterate({ query: 'subscription{idle}' });
assert.deepEqual((await idle.next()).value, { data: { idle: 0 } });
console.log('idle');
await rejection(idle.next());
assert.equal(retries, 1);
console.log(`${closed.code} ${closed.reason}`);
await client.dispose();
