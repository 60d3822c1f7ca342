import { Field, Input } from '../ui/field';
import { Button } from '../ui/button';
import { cx } from '../ui/cx';
import type { Draft } from './draft';
import { httpsOf, isSsh, sshOf } from './forge';

type Access = Pick<Draft, 'repository' | 'username' | 'token' | 'deployKey'>;
type Props = { access: Access; change: (part: Partial<Access>) => void };

const ways: [boolean, string, string][] = [
  [false, 'Token', 'Of a forge, by https. It can be looked into before it is deployed.'],
  [true, 'Deploy key', 'Davit makes a key for this one repository, by ssh. You add its public half there.'],
];

// Private asks what opens a private repository.
export function Private({ access, change }: Props) {
  const { repository, deployKey } = access;
  const ssh = isSsh(repository);
  const other = deployKey ? sshOf(repository) : httpsOf(repository);
  const wrong = repository.trim() !== '' && ssh !== deployKey;
  return (
    <fieldset className="flex flex-col gap-3">
      <legend className="mb-1.5 font-medium">What opens it</legend>
      <div className="grid gap-2 sm:grid-cols-2">
        {ways.map(([value, title, text]) => (
          <label
            key={title}
            className={cx(
              'flex cursor-pointer items-start gap-2.5 rounded-md border p-3 has-focus-visible:outline-2 has-focus-visible:outline-accent',
              value === deployKey ? 'border-accent bg-accent/8' : 'border-line-strong hover:bg-hover',
            )}
          >
            <input type="radio" name="opens" className="mt-1 accent-accent" checked={value === deployKey} onChange={() => { change({ deployKey: value }); }} />
            <span>
              {title}
              <span className="block text-[13px] text-muted">{text}</span>
            </span>
          </label>
        ))}
      </div>
      {wrong && (
        <p role="status" className="flex flex-wrap items-center gap-2 text-[13px] text-warn">
          {deployKey ? 'A deploy key opens a repository by its ssh address.' : 'A token opens a repository by its https address.'}
          {other && other !== repository.trim() && (
            <Button size="small" onClick={() => { change({ repository: other }); }}>Use <code className="font-mono">{other}</code></Button>
          )}
        </p>
      )}
      {!deployKey && (
        <div className="grid gap-4 sm:grid-cols-2">
          <Field label="Token" hint="May read the repository. It is kept sealed with the service and never shown.">
            {(wiring) => <Input {...wiring} mono type="password" autoComplete="new-password" value={access.token} onChange={(event) => { change({ token: event.target.value }); }} />}
          </Field>
          <Field optional label="User name" hint="Most forges take any with a token.">
            {(wiring) => <Input {...wiring} mono value={access.username} onChange={(event) => { change({ username: event.target.value }); }} />}
          </Field>
        </div>
      )}
    </fieldset>
  );
}
