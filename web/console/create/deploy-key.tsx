import { KeyRound } from 'lucide-react';
import { Copy } from '../ui/copy';
import { forgeOf, keysPageOf } from './forge';

// DeployKey is the public half of a key, and what to do with it.
export function DeployKey({ publicKey, repository }: { publicKey: string; repository: string }) {
  const forge = forgeOf(repository);
  const page = keysPageOf(repository);
  return (
    <div className="flex flex-col gap-3">
      <div className="flex min-w-0 items-start gap-2 rounded-md border border-line bg-sunken py-1.5 pr-1 pl-3">
        <KeyRound aria-hidden className="mt-1 size-4 shrink-0 text-muted" />
        <code aria-label="Public key" className="min-w-0 flex-1 py-0.5 font-mono text-[13px] break-all">{publicKey}</code>
        <Copy text={publicKey} label="Copy the public key" />
      </div>
      <ol className="flex list-decimal flex-col gap-1 pl-5 text-[13px] text-muted marker:text-faint">
        <li>Copy the key. It may read this one repository, and nothing else.</li>
        <li>
          {page ? (
            <>Open <a href={page} target="_blank" rel="noreferrer" className="text-accent-text hover:underline">the deploy keys of the repository at {forge.name}</a> ({forge.where}).</>
          ) : (
            <>Open the settings of the repository, at {forge.name} {forge.where}.</>
          )}
        </li>
        <li>Add it there, for reading only.</li>
      </ol>
    </div>
  );
}
