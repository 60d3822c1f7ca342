import { Command } from '../ui/copy';
import { Frame } from './frame';

// Unsafe is what stands instead of a form where signing in cannot be safe.
export function Unsafe() {
  const port = location.port || '80';
  return (
    <Frame title="Sign in" heading="Signing in here cannot be safe">
      <div className="flex flex-col gap-3 text-muted">
        <p>
          This page came over plain http from <b className="font-medium text-text">{location.hostname}</b>. Everyone on the way can read what you
          send and take over your session, so Davit begins none here, and browsers would refuse to keep its cookie.
        </p>
        <h2 className="mt-2 font-semibold text-text">From your own machine, now</h2>
        <p>Open a tunnel, and then this page through it:</p>
        <Command>{`ssh -L 7070:127.0.0.1:${port} ${location.hostname}`}</Command>
        <p>
          <a href="http://localhost:7070" className="font-medium text-accent-text hover:underline">
            http://localhost:7070
          </a>
        </p>
        <h2 className="mt-2 font-semibold text-text">For good</h2>
        <p>
          Put a server that speaks TLS in front of Davit, such as Caddy, nginx or Traefik, and open the console over https. Keep <code className="font-mono text-[13px]">--listen</code> on
          127.0.0.1.
        </p>
      </div>
    </Frame>
  );
}
