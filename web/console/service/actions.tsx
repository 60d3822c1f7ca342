import { useNavigate } from '@tanstack/react-router';
import { Ellipsis, FolderUp, Play, RefreshCw, Repeat, Rocket, Scaling, Square, SquareTerminal, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { useAct, useForm } from '../api/act';
import { refusal } from '../api/can';
import { useFollow } from '../api/operation';
import { UploadDialog } from '../create/upload-dialog';
import { Button } from '../ui/button';
import { Confirm } from '../ui/confirm';
import { Menu, MenuItem, MenuLine } from '../ui/menu';
import { useService } from './context';
import { RunDialog } from '../run/dialog';
import { DeployDialog } from './deploy-dialog';
import { redeploy, remove, restart, start, stop } from './operations';
import { ScaleDialog } from './scale-dialog';

type Asking = 'deploy' | 'upload' | 'run' | 'scale' | 'stop' | 'delete';

// ServiceActions is what one can do with a service.
export function ServiceActions() {
  const { service, instance } = useService();
  const navigate = useNavigate();
  const follow = useFollow();
  const [asking, setAsking] = useState<Asking>();
  const [runRedeploy] = useAct(redeploy, 'Not redeployed');
  const [runRestart] = useAct(restart, 'Not restarted');
  const [runStart] = useAct(start, 'Not started');
  const stopping = useForm(stop);
  const removing = useForm(remove);
  const close = () => { setAsking(undefined); };

  const { name } = service;
  const id = { serviceInstanceId: instance.id };
  const serves = instance.activeDeployment;
  const stopped = instance.status === 'STOPPED';
  const runs = service.kind === 'WEB' || service.kind === 'WORKER';
  const gone = service.deleting ? 'It is being deleted.' : null;
  const mayDeploy = gone ?? refusal(service.can, 'DEPLOY');
  const mayRun = mayDeploy ?? (serves ? null : 'Nothing of it runs yet.');
  const noSource = instance.service.source === null ? 'It waits for its first upload.' : null;

  const onRedeploy = async () => {
    if (!serves) return;
    const data = await runRedeploy({ input: { deploymentId: serves.id } });
    if (!data) return;
    const params = { project: service.project.slug, service: service.slug, deployment: data.redeploy.deployment.id };
    await navigate({ to: '/projects/$project/$service/deployments/$deployment', params, search: { env: instance.environment.slug } });
  };
  const onRestart = async () => {
    const data = await runRestart({ input: id });
    if (data) follow(data.restartService.operation.id, `${name} was restarted`, `${name} was not restarted`);
  };
  const onStart = async () => {
    const data = await runStart({ input: id });
    if (data) follow(data.startService.operation.id, `${name} runs again`, `${name} was not started`);
  };
  const onStop = async () => {
    const data = await stopping.run({ input: id });
    if (!data) return;
    close();
    follow(data.stopService.operation.id, `${name} is stopped`, `${name} was not stopped`);
  };
  const onRun = async (run: string) => {
    close();
    await navigate({ to: '/projects/$project/$service/runs', params: { project: service.project.slug, service: service.slug }, search: { env: instance.environment.slug, run } });
  };
  const onDelete = async () => {
    const data = await removing.run({ input: { serviceId: service.id } });
    if (!data) return;
    follow(data.deleteService.operation.id, `${name} is deleted`, `${name} was not deleted`);
    await navigate({ to: '/projects/$project', params: { project: service.project.slug }, search: { env: instance.environment.slug } });
  };

  return (
    <>
      <Button tone="primary" refused={mayDeploy ?? noSource} onClick={() => { setAsking('deploy'); }}>
        <Rocket aria-hidden /> Deploy
      </Button>
      <Menu
        label={`Actions for ${name}`}
        trigger={
          <Button size="icon" className="size-9" aria-label={`More actions for ${name}`}>
            <Ellipsis aria-hidden />
          </Button>
        }
      >
        <MenuItem icon={<Repeat aria-hidden />} refused={mayRun} onSelect={() => void onRedeploy()}>Redeploy</MenuItem>
        {instance.service.source?.__typename !== 'ImageSource' && (
          <MenuItem icon={<FolderUp aria-hidden />} refused={mayDeploy} onSelect={() => { setAsking('upload'); }}>Upload and deploy…</MenuItem>
        )}
        {service.kind !== 'STATIC_SITE' && (
          <MenuItem icon={<SquareTerminal aria-hidden />} refused={gone ?? refusal(service.can, 'EXEC') ?? (serves ? null : 'Nothing of it was deployed here yet.')} onSelect={() => { setAsking('run'); }}>
            {service.kind === 'CRON' ? 'Run now…' : 'Run a command…'}
          </MenuItem>
        )}
        {runs && (
          <>
            <MenuLine />
            <MenuItem icon={<Scaling aria-hidden />} refused={mayDeploy} onSelect={() => { setAsking('scale'); }}>Scale…</MenuItem>
            <MenuItem icon={<RefreshCw aria-hidden />} refused={mayRun ?? (stopped ? 'It is stopped.' : null)} onSelect={() => void onRestart()}>Restart</MenuItem>
            {stopped ? (
              <MenuItem icon={<Play aria-hidden />} refused={mayRun} onSelect={() => void onStart()}>Start</MenuItem>
            ) : (
              <MenuItem icon={<Square aria-hidden />} refused={mayRun} onSelect={() => { setAsking('stop'); }}>Stop…</MenuItem>
            )}
          </>
        )}
        <MenuLine />
        <MenuItem danger icon={<Trash2 aria-hidden />} refused={gone ?? refusal(service.can, 'DELETE')} onSelect={() => { setAsking('delete'); }}>Delete service…</MenuItem>
      </Menu>
      {asking === 'deploy' && <DeployDialog onClose={close} />}
      {asking === 'upload' && <UploadDialog onClose={close} />}
      {asking === 'run' && <RunDialog onClose={close} onStarted={(id) => void onRun(id)} />}
      {asking === 'scale' && <ScaleDialog onClose={close} />}
      {asking === 'stop' && (
        <Confirm
          title={`Stop ${name}?`}
          description={`Its replicas in ${instance.environment.name} finish their requests and end. Nothing answers there until you start it again.`}
          action="Stop"
          busy={stopping.busy}
          problem={stopping.problem}
          onConfirm={() => void onStop()}
          onClose={close}
        />
      )}
      {asking === 'delete' && (
        <Confirm
          danger
          title={`Delete ${name}?`}
          description="It stops in every environment, and is deleted with its deployments, variables and logs. This cannot be undone."
          action="Delete service"
          name={service.slug}
          busy={removing.busy}
          problem={removing.problem}
          onConfirm={() => void onDelete()}
          onClose={close}
        />
      )}
    </>
  );
}
