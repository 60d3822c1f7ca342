// Milliseconds after which a question that got no answer is asked again.
const pauses = [300, 1500];

// ask is fetch for the API. What only reads is asked again if the connection
// fails: the server may be restarting, or the network of this computer has just
// changed, as it does wherever containers come and go.
export async function ask(input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> {
  for (const pause of reads(init.body) ? pauses : []) {
    try {
      return await fetch(input, init);
    } catch (error) {
      if (init.signal?.aborted) throw error;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
  return fetch(input, init);
}

const reads = (body: unknown) => typeof body === 'string' && /^\{[^{]*"query":"\s*(query\b|\{)/.test(body);
