import type { ReactNode } from 'react';
import { Button } from '../ui/button';
import { Card } from '../ui/card';
import { DeployKey } from './deploy-key';

type Props = { publicKey: string; repository: string; busy: boolean; onDeploy: () => void; onLater: () => void; children: ReactNode };

// AddKey is the last step for a private repository that a key opens.
export const AddKey = ({ publicKey, repository, busy, onDeploy, onLater, children }: Props) => (
  <div className="max-w-2xl">
    <Card title="Add this key to the repository" hint="The service is made. It can be deployed once its key opens the repository.">
      <div className="flex flex-col gap-4">
        <DeployKey publicKey={publicKey} repository={repository} />
        {children}
        <div className="flex flex-wrap justify-end gap-2">
          <Button onClick={onLater}>Later</Button>
          <Button tone="primary" busy={busy} onClick={onDeploy}>It is added: deploy</Button>
        </div>
        <p className="text-[13px] text-faint">It is also in the settings of the service.</p>
      </div>
    </Card>
  </div>
);
