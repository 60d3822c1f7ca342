import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { useForm } from '../api/act';
import { field, sentence } from '../api/fault';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { Checkbox, Field, Input } from '../ui/field';
import { ProblemLine } from '../ui/problem-line';
import { useService } from './context';
import { deploy } from './operations';

// DeployDialog deploys the service's own source or, once, another ref or image.
export function DeployDialog({ onClose }: { onClose: () => void }) {
  const { service, instance } = useService();
  const navigate = useNavigate();
  const { run, busy, problem, clear } = useForm(deploy);
  const [other, setOther] = useState('');
  const [message, setMessage] = useState('');
  const [skipBuildCache, setSkip] = useState(false);
  const { source } = instance.service;
  const git = source?.__typename === 'GitSource';
  const image = source?.__typename === 'ImageSource';
  const submit = async () => {
    const typed = other.trim();
    const data = await run({
      input: {
        serviceInstanceId: instance.id,
        ...(typed && (git ? { ref: typed } : { image: typed })),
        ...(message.trim() && { message: message.trim() }),
        ...(skipBuildCache && { skipBuildCache }),
      },
    });
    if (!data) return;
    const params = { project: service.project.slug, service: service.slug, deployment: data.deploy.deployment.id };
    await navigate({ to: '/projects/$project/$service/deployments/$deployment', params, search: { env: instance.environment.slug } });
  };
  const about = problem && ['ref', 'image'].includes(field(problem)) ? sentence(problem) : undefined;
  return (
    <Dialog
      onClose={onClose}
      title={`Deploy ${service.name} to ${instance.environment.name}`}
      onSubmit={() => void submit()}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button tone="primary" type="submit" busy={busy}>
            Deploy
          </Button>
        </>
      }
    >
      {(git || image) && (
        <Field
          optional
          label={git ? 'Branch, tag or commit' : 'Image'}
          hint={git ? `Absent: ${source.ref ?? 'the default branch'}.` : image ? 'Only for this deployment.' : undefined}
          error={about}
        >
          {(wiring) => (
            <Input
              {...wiring}
              mono
              autoFocus
              placeholder={git ? (source.ref ?? 'main') : image ? source.image : ''}
              value={other}
              onChange={(event) => {
                setOther(event.target.value);
                clear();
              }}
            />
          )}
        </Field>
      )}
      {source?.__typename === 'UploadSource' && <p className="text-muted">The newest upload is deployed again. To send another, choose “Upload and deploy”.</p>}
      <Field optional label="Message" hint="What to remember this deployment by.">
        {(wiring) => <Input {...wiring} maxLength={500} value={message} onChange={(event) => { setMessage(event.target.value); }} />}
      </Field>
      {!image && <Checkbox label="Build every step anew" hint="Nothing of earlier builds is used." checked={skipBuildCache} onChange={(event) => { setSkip(event.target.checked); }} />}
      {!about && <ProblemLine error={problem} />}
    </Dialog>
  );
}
