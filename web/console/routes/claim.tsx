import { Link, useNavigate } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { takeClaim } from '../sign-in/claim';
import { enter } from '../sign-in/enter';
import { Frame } from '../sign-in/frame';
import { placeOf } from '../sign-in/place';
import { Unsafe } from '../sign-in/unsafe';
import { buttonClass } from '../ui/button';
import { Command } from '../ui/copy';
import { Skeleton } from '../ui/skeleton';

// A claim is good once: it is used once, however often the page is drawn.
let claimed: Promise<string | null> | undefined;

function claim() {
  claimed ??= (async () => {
    const secret = takeClaim();
    if (!secret) return 'This address has no claim in it. Open the whole link that davit printed.';
    return await enter({ claim: secret });
  })();
  return claimed;
}

// Claim signs in whoever opened a claim link.
export function Claim() {
  const navigate = useNavigate();
  const [problem, setProblem] = useState<string | null>(null);
  const unsafe = placeOf(location) === 'plain';
  useEffect(() => {
    if (unsafe) return;
    void claim().then((said) => {
      if (said === null) void navigate({ to: '/', replace: true });
      else setProblem(said);
    });
  }, [navigate, unsafe]);
  if (unsafe) return <Unsafe />;
  if (problem === null) {
    return (
      <Frame title="Signing in" heading="Signing you in…">
        <div role="status" aria-label="Signing in" className="mt-4 flex flex-col gap-2">
          <Skeleton className="h-4" />
          <Skeleton className="h-4 w-2/3" />
        </div>
      </Frame>
    );
  }
  return (
    <Frame title="Sign in" heading="This link signs nobody in">
      <p role="alert" className="text-bad">
        {problem}
      </p>
      <p className="mt-4 mb-2 text-muted">A claim link works once, and not for long. On the server’s machine, this makes a new one:</p>
      <Command>davit console</Command>
      <Link to="/login" search={{}} className={`${buttonClass('plain')} mt-5`}>
        Sign in with a token instead
      </Link>
    </Frame>
  );
}
