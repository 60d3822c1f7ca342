import { useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { GraphiQL } from 'graphiql';
import { useEffect, useMemo, useState } from 'react';

import icon from './davit.svg';
import { examples } from './examples';
import { forgetToken, Refused, type Session, signIn, storedToken } from './session';
import { SignIn } from './SignIn';
import { storage } from './storage';
import { connect } from './transport';

type State = { at: 'asking' } | { at: 'signed-out'; reason: string } | { at: 'signed-in'; session: Session };

const signedOut = (reason: string): State => ({ at: 'signed-out', reason });

// App shows GraphiQL to whoever is signed in, and asks everybody else to.
export function App() {
  const [state, setState] = useState<State>(() => (storedToken() ? { at: 'asking' } : signedOut('')));

  useEffect(() => {
    if (state.at !== 'asking') return;
    signIn(storedToken()).then(
      (session) => setState({ at: 'signed-in', session }),
      (error) => {
        if (error instanceof Refused) forgetToken();
        setState(signedOut(error.message));
      },
    );
  }, [state.at]);

  switch (state.at) {
    case 'asking':
      return null;
    case 'signed-out':
      return <SignIn reason={state.reason} onSignedIn={(session) => setState({ at: 'signed-in', session })} />;
    case 'signed-in':
      return (
        <Explorer
          session={state.session}
          onSignOut={(reason) => {
            forgetToken();
            setState(signedOut(reason));
          }}
        />
      );
  }
}

type ExplorerProps = { session: Session; onSignOut: (reason: string) => void };

function Explorer({ session, onSignOut }: ExplorerProps) {
  const transport = useMemo(
    () => connect(session.token, () => onSignOut('Your token is no longer valid. What you wrote is still here.')),
    [session.token],
  );
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
          <button type="button" onClick={() => onSignOut('')}>
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
