import type { Source } from './drop';
import { isSsh } from './forge';

export type Kind = 'WEB' | 'WORKER' | 'STATIC_SITE' | 'CRON';
export type From = 'git' | 'upload' | 'example' | 'image';

// Draft is a service that is being made. Of what can be detected null is as it
// is detected.
export type Draft = {
  from: From;
  name: string;
  kind: Kind;
  repository: string;
  username: string;
  token: string;
  deployKey: boolean; // one is made, for ssh
  ref: string;
  root: string;
  image: string;
  upload: Source | undefined;
  example: string;
  builder: string | null;
  dockerfile: string | null;
  install: string | null;
  build: string | null;
  output: string | null;
  start: string | null;
  port: string | null;
  cron: string;
  timeZone: string;
  env: string;
  secret: boolean;
};

// nothingSaid is how a draft is built as it is detected.
export const nothingSaid = { builder: null, dockerfile: null, install: null, build: null, output: null, start: null, port: null };

export const fresh: Draft = {
  from: 'git', name: '', kind: 'WEB', repository: '', username: '', token: '', deployKey: false, ref: '', root: '', image: '', upload: undefined, example: '',
  ...nothingSaid,
  cron: '', timeZone: '', env: '', secret: false,
};

// nameOf proposes what a service is called by where it comes from.
export function nameOf(draft: Draft): string {
  const from = {
    git: (draft.root || draft.repository).trim().replace(/\/+$/, '').replace(/\.git$/, ''),
    image: draft.image.replace(/@.*$/, '').replace(/:[^/:]*$/, ''),
    upload: draft.upload?.name.replace(/\.(tar\.gz|tgz)$/i, '') ?? '',
    example: draft.example,
  }[draft.from];
  return from.split(/[/:]/).at(-1) ?? '';
}

// sourceOf is where it comes from, as the API takes it.
export function sourceOf(draft: Draft) {
  if (draft.from === 'image') return { image: { image: draft.image.trim() } };
  if (draft.from !== 'git') return { upload: {} };
  const token = draft.deployKey ? '' : draft.token.trim();
  return {
    git: {
      repository: draft.repository.trim(),
      generateDeployKey: draft.deployKey,
      ...(draft.ref && { ref: draft.ref }),
      ...(draft.root.trim() && { rootDirectory: draft.root.trim() }),
      ...(token && { token, ...(draft.username.trim() && { username: draft.username.trim() }) }),
    },
  };
}

// missing is what is to be said yet, null if all is.
export function missing(draft: Draft): string | null {
  if (draft.from === 'git' && !draft.repository.trim()) return 'Say which repository.';
  if (draft.from === 'git' && draft.deployKey !== isSsh(draft.repository)) return draft.deployKey ? 'A deploy key needs the address by ssh.' : 'An address by ssh needs a deploy key.';
  if (draft.from === 'image' && !draft.image.trim()) return 'Say which image.';
  if (draft.from === 'upload' && !draft.upload) return 'Choose a folder or an archive.';
  if (draft.from === 'example' && !draft.example) return 'Choose an example.';
  if (!(draft.name || nameOf(draft)).trim()) return 'Give it a name.';
  if (draft.port && !(Number.isInteger(Number(draft.port)) && Number(draft.port) >= 1 && Number(draft.port) <= 65535)) return 'A port is a number from 1 to 65535.';
  if (draft.kind === 'CRON' && !draft.cron.trim()) return 'Say when it runs.';
  return null;
}
