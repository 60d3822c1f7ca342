import { Ban, RotateCcw, RotateCw } from 'lucide-react';
import { useState } from 'react';
import { useMutation } from 'urql';
import { sentence } from '../api/fault';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { toast } from '../ui/toast';
import { cancelMutation, type Deployment, redeployMutation, rollbackMutation } from './document';
import { RollbackDialog } from './RollbackDialog';

// useActions are what one can do with a deployment. onDeployed hears of the one that was begun.
export function useActions(deployment: Pick<Deployment, 'id' | 'conclusion'> | null, onDeployed: (id: string) => void) {
  const [canceling, cancel] = useMutation(cancelMutation);
  const [redeploying, redeploy] = useMutation(redeployMutation);
  const [rollingBack, rollback] = useMutation(rollbackMutation);
  const input = { deploymentId: deployment?.id ?? '' };
  return {
    canceling: canceling.fetching,
    redeploying: redeploying.fetching,
    rollingBack: rollingBack.fetching,
    cancel: async () => {
      const { error } = await cancel({ input });
      if (error) toast({ title: 'It was not canceled', description: sentence(error), tone: 'bad' });
      return !error;
    },
    redeploy: async () => {
      const reuseImage = deployment?.conclusion === 'SUCCEEDED'; // else there may be none, or a bad one
      const { data, error } = await redeploy({ input: { ...input, reuseImage } });
      if (error) toast({ title: 'It was not deployed', description: sentence(error), tone: 'bad' });
      if (data) onDeployed(data.redeploy.deployment.id);
    },
    rollback: async () => {
      const { data, error } = await rollback({ input });
      if (error) toast({ title: 'It was not rolled back', description: sentence(error), tone: 'bad' });
      if (data) onDeployed(data.rollback.deployment.id);
    },
  };
}

interface Props {
  deployment: Deployment;
  actions: ReturnType<typeof useActions>;
}

// Actions are the buttons for them, and what is asked before.
export function Actions({ deployment, actions }: Props) {
  const [asking, setAsking] = useState<'cancel' | 'rollback' | null>(null);
  const running = deployment.status !== 'COMPLETED';
  const close = () => { setAsking(null); };
  return (
    <div className="flex flex-wrap gap-2">
      {running ? (
        <Button
          refused={refusal(deployment, 'DEPLOY') ?? (deployment.status === 'FINALIZING' ? 'It is live already: roll back instead.' : null)}
          onClick={() => { setAsking('cancel'); }}
        >
          <Ban aria-hidden /> Cancel
        </Button>
      ) : (
        <>
          {!deployment.isActive && deployment.conclusion === 'SUCCEEDED' && (
            <Button refused={refusal(deployment, 'ROLLBACK')} onClick={() => { setAsking('rollback'); }}>
              <RotateCcw aria-hidden /> Roll back to this
            </Button>
          )}
          <Button busy={actions.redeploying} refused={refusal(deployment, 'DEPLOY')} onClick={() => void actions.redeploy()}>
            <RotateCw aria-hidden /> Deploy again
          </Button>
        </>
      )}
      <Dialog
        open={asking === 'cancel'}
        onClose={close}
        title={`Cancel #${deployment.number}?`}
        description="What serves now goes on serving."
        actions={
          <>
            <Button onClick={close}>Let it go on</Button>
            <Button tone="danger" busy={actions.canceling} onClick={() => void actions.cancel().then(close)}>Cancel the deployment</Button>
          </>
        }
      />
      {asking === 'rollback' && (
        <RollbackDialog
          id={deployment.id}
          number={deployment.number}
          busy={actions.rollingBack}
          onClose={close}
          onConfirm={() => void actions.rollback().then(close)}
        />
      )}
    </div>
  );
}

// refusal is why the viewer may not do something, null if that is allowed.
export function refusal(deployment: Pick<Deployment, 'can'>, action: 'DEPLOY' | 'ROLLBACK' | 'READ_LOGS'): string | null {
  const rule = deployment.can.find((r) => r.action === action);
  return rule && !rule.allowed ? (rule.reason ?? 'You may not do that.') : null;
}
