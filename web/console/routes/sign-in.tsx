import { getRouteApi, useRouter } from '@tanstack/react-router';
import { useState } from 'react';
import { enter } from '../sign-in/enter';
import { Frame } from '../sign-in/frame';
import { placeOf } from '../sign-in/place';
import { Unsafe } from '../sign-in/unsafe';
import { Button } from '../ui/button';
import { Command } from '../ui/copy';
import { Field, Input } from '../ui/field';

const route = getRouteApi('/login');

// SignIn begins a session by a token, or says why that cannot be safe here.
export function SignIn() {
  const { next } = route.useSearch();
  const router = useRouter();
  const [token, setToken] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const place = placeOf(location);
  if (place === 'plain') return <Unsafe />;

  const submit = async () => {
    const typed = token.trim().replace(/^(authorization:\s*)?bearer\s+/i, '');
    if (!typed) {
      setProblem('Paste a token first.');
      return;
    }
    setBusy(true);
    const said = await enter({ token: typed });
    setBusy(false);
    setProblem(said);
    if (said !== null) return;
    setToken('');
    router.history.replace(next?.startsWith('/') && !next.startsWith('//') ? next : '/');
  };

  return (
    <Frame title="Sign in" heading="Sign in to Davit">
      <p className="mb-5 text-muted">On the server’s machine, this prints a link that signs you in:</p>
      <Command>davit console</Command>
      <div className="my-6 flex items-center gap-3 text-xs text-faint before:h-px before:flex-1 before:bg-line after:h-px after:flex-1 after:bg-line">or with a token</div>
      <form
        noValidate
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <Field label="API token" error={problem} hint="The operator’s is in the file admin-token of the data directory. This page does not keep it.">
          {(wiring) => (
            <Input
              {...wiring}
              mono
              type="password"
              autoFocus
              autoComplete="off"
              placeholder="davit_…"
              value={token}
              onChange={(event) => {
                setToken(event.target.value);
                setProblem(null);
              }}
            />
          )}
        </Field>
        <Button tone="primary" type="submit" busy={busy}>
          Sign in
        </Button>
      </form>
      {place === 'loopback' && (
        <p className="mt-5 border-t border-line pt-4 text-[13px] text-muted">
          Some browsers keep no session at {location.hostname}. This is the same page:{' '}
          <a href={`http://localhost:${location.port}/login`} className="font-medium text-accent-text hover:underline">
            localhost:{location.port}
          </a>
        </p>
      )}
    </Frame>
  );
}
