import { useState } from 'react';
import { useQuery } from 'urql';
import { useForm } from '../api/act';
import { graphql } from '../api/graphql';
import { CopyAs } from '../shell/copy-as';
import { Button } from '../ui/button';
import { count } from '../ui/count';
import { Dialog } from '../ui/dialog';
import { Field, Input } from '../ui/field';
import { ProblemLine } from '../ui/problem-line';
import { toast } from '../ui/toast';
import { useService } from './context';
import { scale } from './operations';
import { counted, wished, type Share } from './scale';

const processesQuery = graphql(`
  query Processes($id: ID!) {
    serviceInstance(id: $id) {
      id
      settings {
        replicas
        processes {
          name
          replicas
        }
      }
    }
  }
`);

// ScaleDialog changes how many replicas run, of the service itself and of each
// process beside it.
export function ScaleDialog({ onClose }: { onClose: () => void }) {
  const { service, instance } = useService();
  const [{ data }] = useQuery({ query: processesQuery, variables: { id: instance.id }, requestPolicy: 'cache-and-network' });
  const [typed, setTyped] = useState<Record<string, string>>({});
  const { run, busy, problem } = useForm(scale);
  const shares = counted(instance, data?.serviceInstance?.settings.processes ?? []);
  const at = (share: Share) => typed[share.process] ?? String(share.replicas);
  const wish = wished(shares, typed);
  const submit = async () => {
    if (!wish || wish.length === 0 || busy) return;
    for (const { process, replicas } of wish) {
      if (!(await run({ input: { serviceInstanceId: instance.id, process, replicas } }))) return;
    }
    const words = wish.map(({ process, replicas }) => (process === 'web' && shares.length === 1 ? count(replicas, 'replica') : `${process} ${replicas}`)).join(', ');
    const runs = instance.activeDeployment !== null && instance.status !== 'STOPPED';
    toast({ tone: 'good', title: runs ? `${service.name} scales to ${words}` : `${service.name} will run ${words}`, ...(!runs && { description: 'Once it is deployed and started.' }) });
    onClose();
  };
  const [first] = wish ?? [];
  return (
    <Dialog
      onClose={onClose}
      title={`Scale ${service.name}`}
      description="Replicas share the requests. What is added is started beside what runs; what is removed finishes its requests first."
      onSubmit={() => void submit()}
      actions={
        <>
          <div className="mr-auto self-center">
            {first && <CopyAs document={scale} variables={{ input: { serviceInstanceId: instance.id, process: first.process, replicas: first.replicas } }} cli={`davit scale ${(wish ?? []).map((w) => `${w.process}=${w.replicas}`).join(' ')}`} />}
          </div>
          <Button onClick={onClose}>Cancel</Button>
          <Button tone="primary" type="submit" busy={busy} disabled={!wish || wish.length === 0}>Scale</Button>
        </>
      }
    >
      {shares.map((share, i) => {
        const alone = share.process === 'web';
        const wrong = typed[share.process] !== undefined && typed[share.process] !== '' && wished([share], typed) === null;
        return (
          <Field key={share.process} label={shares.length === 1 ? 'Replicas' : <code className="font-mono">{share.process}</code>} hint={alone ? '1 to 50.' : '0 to 50.'} error={wrong ? `A whole number from ${share.least} to 50.` : undefined}>
            {(wiring) => <Input {...wiring} type="number" min={share.least} max={50} autoFocus={i === 0} value={at(share)} onChange={(event) => { setTyped({ ...typed, [share.process]: event.target.value }); }} />}
          </Field>
        );
      })}
      <ProblemLine error={problem} />
    </Dialog>
  );
}
