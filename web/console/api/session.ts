// Who is signed in, as far as this page knows.
import type { Client } from '@urql/core';
import { connect } from './client';
import { code, sentence } from './fault';
import { graphql, type ResultOf } from './graphql';
import { noteEvent } from './newest';
import { onSignedOut } from './socket';

// The one workspace of an installation, until there are more.
export const workspaceSlug = 'default';

const whoAsks = graphql(`
  query WhoAsks($workspace: String!) {
    viewer {
      __typename
      id
      displayName
      ... on User {
        username
        isPlatformAdmin
      }
    }
    workspace(slug: $workspace) {
      id
      slug
      name
      can(actions: [WRITE, DEPLOY, DELETE]) {
        action
        allowed
        reason
      }
      events(first: 1) {
        nodes {
          id
          cursor
        }
      }
    }
  }
`);

type Answer = ResultOf<typeof whoAsks>;

export type Session = { client: Client; viewer: Answer['viewer']; workspace: NonNullable<Answer['workspace']> };

// Refused says, in the server's words, why nobody is signed in.
export class Refused extends Error {}

let opened: Promise<Session> | undefined;
let signedIn = false;

async function ask(): Promise<Session> {
  const client = connect();
  const { data, error } = await client.query(whoAsks, { workspace: workspaceSlug }, { requestPolicy: 'network-only' });
  if (error && code(error) === 'UNAUTHENTICATED') throw new Refused(sentence(error));
  if (error) throw error;
  if (!data?.workspace) throw new Refused('You are a member of no workspace here.');
  signedIn = true;
  noteEvent(data.workspace.events.nodes[0]?.cursor);
  return { client, viewer: data.viewer, workspace: data.workspace };
}

// session is whoever the server says asks. It is asked once; it throws Refused
// where nobody is signed in, and what the server or the network says otherwise.
export function session(): Promise<Session> {
  opened ??= ask().catch((error: unknown) => {
    opened = undefined;
    throw error;
  });
  return opened;
}

export function forgetSession() {
  opened = undefined;
  signedIn = false;
}

// onSessionEnd calls back when a session that was open is no longer known to the
// server. Who was not signed in to begin with is told by session itself.
export const onSessionEnd = (callback: () => void) =>
  onSignedOut(() => {
    if (!signedIn) return;
    forgetSession();
    callback();
  });
