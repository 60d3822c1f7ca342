import { useNavigate } from '@tanstack/react-router';
import { CombinedError } from '@urql/core';
import { useState } from 'react';
import { useClient } from 'urql';
import { sentence } from '../api/fault';
import { useService } from '../service/context';
import { deploy } from '../service/operations';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { Drop, type Source } from './drop';
import { send, type Progress } from './send';
import { Sending } from './sending';
import { useSignal } from './use-signal';

// UploadDialog sends another folder for a service and deploys it. Who closes it
// before all is sent has cancelled that.
export function UploadDialog({ onClose }: { onClose: () => void }) {
  const { service, instance } = useService();
  const client = useClient();
  const navigate = useNavigate();
  const begin = useSignal();
  const [source, setSource] = useState<Source>();
  const [progress, setProgress] = useState<Progress>();
  const [problem, setProblem] = useState<string | null>(null);
  const submit = async () => {
    if (!source) return;
    const signal = begin();
    setProblem(null);
    setProgress({ sent: 0, total: source.archive.size });
    try {
      const artifactId = await send(client, service.id, source, setProgress, signal);
      signal.throwIfAborted();
      const { data, error } = await client.mutation(deploy, { input: { serviceInstanceId: instance.id, artifactId } });
      if (!data) throw error ?? new Error('The server gave no answer.');
      signal.throwIfAborted();
      const params = { project: service.project.slug, service: service.slug, deployment: data.deploy.deployment.id };
      await navigate({ to: '/projects/$project/$service/deployments/$deployment', params, search: { env: instance.environment.slug } });
    } catch (error) {
      if (signal.aborted) return; // nobody is there to read it
      setProblem(error instanceof CombinedError ? sentence(error) : error instanceof Error ? error.message : 'It was not sent.');
      setProgress(undefined);
    }
  };
  return (
    <Dialog
      onClose={onClose}
      title={`Upload and deploy ${service.name}`}
      description={`To ${instance.environment.name}. The folder is also the source of later deployments.`}
      onSubmit={() => void submit()}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button tone="primary" type="submit" disabled={!source} busy={progress !== undefined}>Upload and deploy</Button>
        </>
      }
    >
      <Drop source={source} onSource={setSource} />
      {progress && <Sending progress={progress} />}
      {problem && <p role="alert" className="text-bad">{problem}</p>}
    </Dialog>
  );
}
