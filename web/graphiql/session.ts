// Whoever the token in this tab speaks for. The token is in the tab's
// sessionStorage alone: other tabs, and this one once closed, know nothing.

const key = 'davit:token';

export type Viewer = { displayName: string; workspaceId: string };

export type Session = { token: string; viewer: Viewer };

export const storedToken = () => sessionStorage.getItem(key) ?? '';

export const forgetToken = () => sessionStorage.removeItem(key);

// Refused says, in the server's words, why a token signs nobody in.
export class Refused extends Error {}

const whoAsks = `query WhoAsks {
  viewer { displayName }
  workspace(slug: "default") { id }
}`;

// signIn asks the server whom a token speaks for and keeps the token if it does.
// It throws Refused, or what fetch throws if nobody answers.
export async function signIn(pasted: string): Promise<Session> {
  const token = pasted.trim().replace(/^(authorization:\s*)?bearer\s+/i, '');
  const response = await fetch('/graphql', {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ query: whoAsks }),
  });
  const { data, errors } = await response.json();
  if (!data?.viewer) {
    throw new Refused(errors?.[0]?.message ?? `The server answered ${response.status}.`);
  }
  sessionStorage.setItem(key, token);
  return { token, viewer: { displayName: data.viewer.displayName, workspaceId: data.workspace?.id ?? 'wsp_…' } };
}
