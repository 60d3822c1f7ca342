// Whoever asks here: a token that was pasted into this tab, or else who is signed
// in with this browser. The token is in the tab's sessionStorage alone: other
// tabs, and this one once closed, know nothing. The browser's session is in a
// cookie that no page can read.

const key = 'davit:token';

export type Viewer = { displayName: string; workspaceId: string };

// The token is '' where the browser's session asks.
export type Session = { token: string; viewer: Viewer };

export const authorization = (token: string): Record<string, string> => (token ? { authorization: `Bearer ${token}` } : {});

const storedToken = () => sessionStorage.getItem(key) ?? '';

export const forgetToken = () => sessionStorage.removeItem(key);

// Refused says, in the server's words, why somebody is not signed in.
export class Refused extends Error {}

const whoAsks = `query WhoAsks {
  viewer { displayName }
  workspace(slug: "default") { id }
}`;

async function ask(token: string, query: string) {
  const response = await fetch('/graphql', {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...authorization(token) },
    body: JSON.stringify({ query }),
  });
  const { data, errors } = await response.json();
  if (!data) throw new Refused(errors?.[0]?.message ?? `The server answered ${response.status}.`);
  return data;
}

async function whoIs(token: string): Promise<Session> {
  const { viewer, workspace } = await ask(token, whoAsks);
  return { token, viewer: { displayName: viewer.displayName, workspaceId: workspace?.id ?? 'wsp_…' } };
}

// signIn asks the server whom a token speaks for and keeps the token if it does.
// It throws Refused, or what fetch throws if nobody answers.
export async function signIn(pasted: string): Promise<Session> {
  const session = await whoIs(pasted.trim().replace(/^(authorization:\s*)?bearer\s+/i, ''));
  sessionStorage.setItem(key, session.token);
  return session;
}

// resume returns who is signed in already: by the token of this tab or, if there
// is none that is valid, by the browser's session. Nobody is no error.
export async function resume(): Promise<Session | undefined> {
  for (const token of new Set([storedToken(), ''])) {
    try {
      return await whoIs(token);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (token) forgetToken();
    }
  }
  return undefined;
}

// signOut forgets the token, or ends the browser's session.
export async function signOut(session: Session) {
  forgetToken();
  if (!session.token) await ask('', 'mutation { endSession(input: {}) { sessionId } }');
}
