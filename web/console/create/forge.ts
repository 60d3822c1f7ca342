// Addresses of repositories, and where their forges keep deploy keys.

type Parsed = { host: string; path: string; ssh: boolean };

// parse takes https://host/path, ssh://user@host/path and user@host:path.
export function parse(repository: string): Parsed | null {
  const text = repository.trim();
  const url = /^(https?|ssh):\/\/(?:[^@/]+@)?([^/]+)\/(.+)$/.exec(text);
  const scp = url ? null : /^[^@/\s]+@([^:/]+):(?!\/\/)(.+)$/.exec(text);
  const [host, path, ssh] = url ? [url[2], url[3], url[1] === 'ssh'] : [scp?.[1], scp?.[2], true];
  if (!host || !path) return null;
  return { host: host.toLowerCase(), path: path.replace(/^\/+/, '').replace(/\/+$/, '').replace(/\.git$/, ''), ssh };
}

export const isSsh = (repository: string) => parse(repository)?.ssh ?? false;

// sshOf is the address of a repository by ssh, as it is itself if that is one
// already, null where it cannot be told: a forge may have another port for ssh.
export function sshOf(repository: string): string | null {
  const at = parse(repository);
  if (!at) return null;
  if (at.ssh) return repository.trim();
  return at.host.includes(':') ? null : `git@${at.host}:${at.path}.git`;
}

// httpsOf is the address of a repository by https, null where it cannot be told.
export function httpsOf(repository: string): string | null {
  const at = parse(repository);
  if (!at) return null;
  if (!at.ssh) return repository.trim();
  return at.host.includes(':') ? null : `https://${at.host}/${at.path}`;
}

// forgeOf is what a forge is called, and where in a repository's settings it
// keeps deploy keys.
export function forgeOf(repository: string): { name: string; where: string } {
  const host = parse(repository)?.host ?? '';
  if (host === 'github.com') return { name: 'GitHub', where: 'Settings → Deploy keys' };
  if (host.includes('gitlab')) return { name: 'GitLab', where: 'Settings → Repository → Deploy keys' };
  if (host === 'bitbucket.org') return { name: 'Bitbucket', where: 'Repository settings → Access keys' };
  if (host === 'codeberg.org') return { name: 'Codeberg', where: 'Settings → Deploy keys' };
  return { name: host || 'its forge', where: 'mostly Settings → Deploy keys' };
}

// keysPageOf is the page where a deploy key is added, null where that is not known.
export function keysPageOf(repository: string): string | null {
  const at = parse(repository);
  if (!at) return null;
  if (at.host === 'github.com') return `https://github.com/${at.path}/settings/keys/new`;
  if (at.host === 'gitlab.com') return `https://gitlab.com/${at.path}/-/settings/repository#js-deploy-keys-settings`;
  if (at.host === 'codeberg.org') return `https://codeberg.org/${at.path}/settings/keys`;
  return null;
}
