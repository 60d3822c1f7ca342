// Watches a deployment of a davit serve with the reference client of
// graphql-transport-ws: node watch.mjs URL TOKEN ID TEXT…
// Prints each state as a line of JSON, and ends once the deployment is
// COMPLETED and its log has shown every text. A line it waits for is printed
// too.
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const [url, token, id, ...texts] = process.argv.slice(2);
const client = createClient({
  url,
  webSocketImpl: WebSocket,
  retryAttempts: 0,
  connectionParams: { authorization: `Bearer ${token}` },
});
const print = (value) => console.log(JSON.stringify(value));

async function states() {
  const query = 'subscription($id:ID!){deploymentUpdated(id:$id){status conclusion phases{name status}}}';
  for await (const { data, errors } of client.iterate({ query, variables: { id } })) {
    if (errors) throw new Error(JSON.stringify(errors));
    print({ state: data.deploymentUpdated });
  }
}

async function lines() {
  const query = `subscription($source:LogSource!){logs(source:$source,tail:1000){
    ... on LogBatch{lines{stream message}} ... on LogGap{reason} ... on LogEnd{end:reason}}}`;
  const missing = new Set(texts);
  for await (const { data, errors } of client.iterate({ query, variables: { source: { deploymentId: id } } })) {
    if (errors) throw new Error(JSON.stringify(errors));
    if (data.logs.reason || data.logs.end) throw new Error(`the feed says ${JSON.stringify(data.logs)}`);
    for (const line of data.logs.lines) {
      for (const text of missing) {
        if (line.message.includes(text)) {
          print({ line });
          missing.delete(text);
        }
      }
    }
    if (missing.size === 0) return;
  }
  throw new Error(`the log ended without ${[...missing].join(', ')}`);
}

await Promise.all([states(), lines()]);
await client.dispose();
