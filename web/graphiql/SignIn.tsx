import { type FormEvent, useRef, useState } from 'react';

import icon from './davit.svg';
import { type Session, signIn } from './session';

type Props = { reason: string; onSignedIn: (session: Session) => void };

// SignIn asks for a token. reason says why, if there is more to say than that
// nobody is signed in.
export function SignIn({ reason, onSignedIn }: Props) {
  const [problem, setProblem] = useState(reason);
  const [asking, setAsking] = useState(false);
  const input = useRef<HTMLInputElement>(null);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const token = String(new FormData(event.currentTarget).get('token'));
    setAsking(true);
    try {
      onSignedIn(await signIn(token));
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
      setAsking(false);
      input.current?.select();
    }
  }

  return (
    <main className="davit-sign-in">
      <form onSubmit={submit}>
        <h1>
          <img src={icon} alt="" />
          Davit API
        </h1>
        <p>Queries, mutations and subscriptions run here as whoever your token speaks for.</p>
        <label htmlFor="token">Token</label>
        <input
          ref={input}
          id="token"
          name="token"
          type="password"
          required
          autoFocus
          autoComplete="off"
          spellCheck={false}
          aria-describedby="problem help"
        />
        <p id="problem" role="alert">
          {problem}
        </p>
        <button type="submit" disabled={asking}>
          {asking ? 'Signing in…' : 'Sign in'}
        </button>
        <div id="help">
          <p>
            On the server's machine the operator's token is in its data directory: <code>cat davit-data/admin-token</code>
          </p>
          <p>
            It stays in this tab until you close it or sign out. The schema can be read without one:{' '}
            <a href="/schema.graphql">schema.graphql</a>
          </p>
        </div>
      </form>
    </main>
  );
}
