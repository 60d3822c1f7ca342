import { useNavigate } from '@tanstack/react-router';
import { CombinedError } from '@urql/core';
import { useState } from 'react';
import { useClient } from 'urql';
import { deploy } from '../service/operations';
import { parseEnv } from '../variable/env-file';
import { settingsOf } from './build';
import { nameOf, sourceOf, type Draft } from './draft';
import type { Source } from './drop';
import { examples } from './example-list';
import { createService, type Detection } from './operations';
import { send, type Progress } from './send';
import { useSignal } from './use-signal';

type Place = { projectId: string; project: string; environmentId: string | undefined; env: string | undefined };
type Made = { id: string; slug: string; instance: string | undefined; publicKey: string | null };

// createInput is a draft as the API takes it.
export const createInput = (projectId: string, draft: Draft, detection: Detection | undefined) => ({
  projectId,
  name: (draft.name || nameOf(draft)).trim(),
  kind: draft.kind,
  source: sourceOf(draft),
  settings: settingsOf(draft, detection),
  variables: parseEnv(draft.env).pairs.map((p) => ({ ...p, secret: draft.secret, usedAt: ['BUILD' as const, 'RUNTIME' as const] })),
  deploy: draft.from === 'git' || draft.from === 'image',
  replicas: 1,
});

async function filesOf(draft: Draft): Promise<Source | undefined> {
  if (draft.from === 'upload') return draft.upload;
  const example = draft.from === 'example' && examples.find((e) => e.name === draft.example);
  if (!example) return undefined;
  const { packExample } = await import('./example');
  return await packExample(example.name);
}

// useCreate makes a service of a draft, sends its files if it has any, and leads
// to its first deployment. A service that was made before the files broke off is
// not made again. One with a deploy key waits until its public half was added.
// Who leaves the page ends the attempt: nothing more is sent, and it leads nowhere.
export function useCreate({ projectId, project, environmentId, env }: Place) {
  const client = useClient();
  const navigate = useNavigate();
  const [busy, setBusy] = useState(false);
  const [progress, setProgress] = useState<Progress>();
  const [problem, setProblem] = useState<Error>();
  const [made, setMade] = useState<Made>();
  const signalOf = useSignal();
  const search = env ? { env } : {};

  const begin = async (service: Made, artifactId?: string) => {
    if (!service.instance) throw new Error('Its environment is not there any more, so it was not deployed.');
    const { data, error } = await client.mutation(deploy, { input: { serviceInstanceId: service.instance, ...(artifactId && { artifactId }) } });
    if (!data) throw error ?? new Error('The server gave no answer.');
    return data.deploy.deployment.id;
  };

  const upload = async (files: Source, service: Made, signal: AbortSignal) => {
    setProgress({ sent: 0, total: files.archive.size });
    const artifactId = await send(client, service.id, files, setProgress, signal);
    signal.throwIfAborted();
    return await begin(service, artifactId);
  };

  const make = async (draft: Draft, detection: Detection | undefined) => {
    const { data, error } = await client.mutation(createService, { input: createInput(projectId, draft, detection) });
    if (!data) throw error ?? new Error('The server gave no answer.');
    const { service, deployments } = data.createService;
    const here = ({ environment }: { environment: { id: string } }) => !environmentId || environment.id === environmentId;
    const instance = service.instances.find(here);
    const first = deployments.find(here);
    const publicKey = service.source && 'credential' in service.source ? (service.source.credential?.publicKey ?? null) : null;
    return { service: { id: service.id, slug: service.slug, instance: instance?.id, publicKey }, deployment: first?.id };
  };

  const attempt = async (work: (signal: AbortSignal) => Promise<void>) => {
    const signal = signalOf();
    setBusy(true);
    setProblem(undefined);
    try {
      await work(signal);
    } catch (error) {
      if (signal.aborted) return;
      setProblem(error instanceof CombinedError || error instanceof Error ? error : new Error('It was not made.'));
      setProgress(undefined);
    }
    setBusy(false);
  };
  const show = async (service: Made, deployment: string | undefined, signal: AbortSignal) => {
    signal.throwIfAborted();
    const params = { project, service: service.slug };
    if (deployment) await navigate({ to: '/projects/$project/$service/deployments/$deployment', params: { ...params, deployment }, search });
    else await navigate({ to: '/projects/$project/$service', params, search });
  };

  const run = (draft: Draft, detection: Detection | undefined) =>
    attempt(async (signal) => {
      const files = await filesOf(draft); // before, lest it be made for files that cannot be read
      let service = made;
      let deployment: string | undefined;
      if (!service) ({ service, deployment } = await make(draft, detection));
      setMade(service);
      if (service.publicKey) return;
      if (files) deployment = await upload(files, service, signal);
      await show(service, deployment, signal);
    });
  // once the public half of the deploy key was added
  const go = () => attempt(async (signal) => { if (made) await show(made, await begin(made), signal); });
  const later = () => attempt(async (signal) => { if (made) await show(made, undefined, signal); });
  return { run, go, later, busy, progress, problem, made };
}
