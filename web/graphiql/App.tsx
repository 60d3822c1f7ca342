import { useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { GraphiQL } from 'graphiql';
import { useEffect, useMemo, useState } from 'react';

import icon from './davit.svg';
import { examples } from './examples';
import { forgetToken, resume, type Session, signOut } from './session';
import { SignIn } from './SignIn';
import { storage } from './storage';
import { connect } from './transport';

type State = { at: 'asking' } | { at: 'signed-out'; reason: string } | { at: 'signed-in'; session: Session };

const signedOut = (reason: string): State => ({ at: 'signed-out', reason });

// App shows GraphiQL to whoever is signed in, and asks everybody else to.
export function App() {
  const [state, setState] = useState<State>({ at: 'asking' });

  useEffect(() => {
    resume().then(
      (session) => setState(session ? { at: 'signed-in', session } : signedOut('')),
      (error) => setState(signedOut(error.message)),
    );
  }, []);

  switch (state.at) {
    case 'asking':
      return null;
    case 'signed-out':
      return <SignIn reason={state.reason} onSignedIn={(session) => setState({ at: 'signed-in', session })} />;
    case 'signed-in':
      return (
        <Explorer
          session={state.session}
          onRefused={(reason) => {
            forgetToken();
            setState(signedOut(reason));
          }}
          onSignOut={() => {
            const left = (error?: Error) => setState(signedOut(error?.message ?? ''));
            signOut(state.session).then(() => left(), left);
          }}
        />
      );
  }
}

type ExplorerProps = { session: Session; onRefused: (reason: string) => void; onSignOut: () => void };

function Explorer({ session, onRefused, onSignOut }: ExplorerProps) {
  const transport = useMemo(() => {
    const what = session.token ? 'token is no longer valid' : 'session has ended';
    return connect(session.token, () => onRefused(`Your ${what}. What you wrote is still here.`));
  }, [session.token]);
  useEffect(() => transport.close, [transport]);

  return (
    <GraphiQL
      fetcher={transport.fetcher}
      storage={storage}
      shouldPersistHeaders={false}
      schemaDescription
      inputValueDeprecation
      defaultEditorToolsVisibility="variables"
      defaultTabs={examples(session.viewer.workspaceId)}
    >
      <GraphiQL.Logo>
        <FollowSystemTheme />
        <span className="davit-viewer">
          <img src={icon} alt="Davit" />
          <span>{session.viewer.displayName}</span>
          <button type="button" onClick={onSignOut}>
            Sign out
          </button>
        </span>
      </GraphiQL.Logo>
    </GraphiQL>
  );
}

// FollowSystemTheme changes the editors too when the system turns dark or light.
function FollowSystemTheme() {
  const theme = useGraphiQL((state) => state.theme);
  const { setTheme } = useGraphiQLActions();
  useEffect(() => {
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const follow = () => theme ?? setTheme(null);
    dark.addEventListener('change', follow);
    return () => dark.removeEventListener('change', follow);
  }, [theme, setTheme]);
  return null;
}
