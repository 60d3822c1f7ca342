import { useNavigate } from '@tanstack/react-router';
import { useAct } from '../api/act';
import { RollbackDialog } from '../deployment/RollbackDialog';
import { useService } from './context';
import { rollback } from './operations';

// Rollback goes back to a deployment, once what that changes was seen.
export function Rollback({ deployment, onClose }: { deployment: { id: string; number: number }; onClose: () => void }) {
  const { service, instance } = useService();
  const navigate = useNavigate();
  const [run, busy] = useAct(rollback, 'Not rolled back');
  const go = async () => {
    const data = await run({ input: { deploymentId: deployment.id } });
    if (!data) return;
    const params = { project: service.project.slug, service: service.slug, deployment: data.rollback.deployment.id };
    await navigate({ to: '/projects/$project/$service/deployments/$deployment', params, search: { env: instance.environment.slug } });
  };
  return <RollbackDialog id={deployment.id} number={deployment.number} busy={busy} onClose={onClose} onConfirm={() => void go()} />;
}
