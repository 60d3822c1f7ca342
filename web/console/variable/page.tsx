import { ClipboardPaste, KeyRound, Plus } from 'lucide-react';
import { useState } from 'react';
import { useQuery } from 'urql';
import { useForm } from '../api/act';
import { refusal } from '../api/can';
import { useKept } from '../api/kept';
import { useEvents } from '../api/live';
import { useService } from '../service/context';
import { Button } from '../ui/button';
import { Card } from '../ui/card';
import { Confirm } from '../ui/confirm';
import { Command } from '../ui/copy';
import { Empty } from '../ui/empty';
import { Outdated } from '../ui/outdated';
import { Problem } from '../ui/problem';
import { Waiting } from '../ui/skeleton';
import { toast } from '../ui/toast';
import { unsetVariables, variablesQuery, type Variable } from './operations';
import { PasteDialog } from './paste-dialog';
import { VariableRow } from './row';
import { SetDialog } from './set-dialog';
import { targetOf } from './target';

type Asking = { what: 'set'; variable?: Variable } | { what: 'paste' } | { what: 'unset'; variable: Variable };

// Variables are what a service gets, its own and those of wider scopes.
export function Variables() {
  const { service, instance } = useService();
  const [asking, setAsking] = useState<Asking>();
  const unset = useForm(unsetVariables);
  const [{ data, error, fetching, stale }, refetch] = useQuery({ query: variablesQuery, variables: { id: instance.id }, requestPolicy: 'cache-and-network' });
  const again = () => { refetch({ requestPolicy: 'network-only' }); };
  useEvents(service.project.id, again, fetching || stale);
  const close = () => { setAsking(undefined); };
  const found = useKept(instance.id, data?.serviceInstance, fetching || stale || error !== undefined);
  if (!found) return error ? <Problem error={error} onRetry={again} /> : <Waiting height="h-12" />;

  const own = found.variables;
  const environment = found.environment.variables;
  const project = found.environment.project.variables;
  const names = (list: readonly Variable[]) => list.map((v) => v.name);
  const refused = refusal(service.can, 'WRITE');
  const changed = () => {
    close();
    again();
    toast({ tone: 'good', title: 'Variables are set', description: 'They count from the next deployment on.' });
  };
  const onUnset = async (v: Variable) => {
    const target = targetOf(v.scope, { instance, projectId: service.project.id });
    if (!(await unset.run({ input: { target, names: [v.name] } }))) return;
    close();
    again();
    toast({ tone: 'good', title: `${v.name} is unset`, description: 'That counts from the next deployment on.' });
  };
  const groups: [string, string, readonly Variable[], string[]][] = [
    [`${service.name} in ${instance.environment.name}`, 'Only this service gets them', own, []],
    [instance.environment.name, 'Every service of the environment gets them', environment, names(own)],
    [service.project.name, 'Every service of the project gets them', project, [...names(own), ...names(environment)]],
  ];
  const shown = groups.filter(([, , list]) => list.length > 0);
  const buttons = (
    <>
      <Button refused={refused} onClick={() => { setAsking({ what: 'paste' }); }}><ClipboardPaste aria-hidden /> Paste .env</Button>
      <Button tone="primary" refused={refused} onClick={() => { setAsking({ what: 'set' }); }}><Plus aria-hidden /> Add variable</Button>
    </>
  );
  return (
    <div className="flex flex-col gap-5">
      <Outdated error={error} onRetry={again} />
      {shown.length === 0 ? (
        <Empty icon={<KeyRound />} title="No variables" action={buttons}>
          <p>Builds and replicas get variables as their environment. Secrets are write-only and hidden in logs. From a terminal:</p>
          <div className="mt-4"><Command>davit env set --secret DATABASE_URL</Command></div>
        </Empty>
      ) : (
        <>
          <div className="flex flex-wrap justify-end gap-2">{buttons}</div>
          {shown.map(([title, hint, list, above]) => (
            <Card key={title} title={title} hint={hint} flush>
              <ul className="divide-y divide-line">
                {list.map((v) => (
                  <VariableRow
                    key={v.id}
                    variable={v}
                    hidden={above.includes(v.name)}
                    refused={refused}
                    onChange={() => { setAsking({ what: 'set', variable: v }); }}
                    onUnset={() => { setAsking({ what: 'unset', variable: v }); }}
                  />
                ))}
              </ul>
            </Card>
          ))}
        </>
      )}
      {asking?.what === 'set' && <SetDialog variable={asking.variable} onClose={close} onSet={changed} />}
      {asking?.what === 'paste' && <PasteDialog present={names(own)} onClose={close} onSet={changed} />}
      {asking?.what === 'unset' && (
        <Confirm
          danger
          title={`Unset ${asking.variable.name}?`}
          description={asking.variable.secret ? 'Its value cannot be read, so it is lost.' : 'What is deployed keeps it until the next deployment.'}
          action="Unset"
          busy={unset.busy}
          problem={unset.problem}
          onConfirm={() => void onUnset(asking.variable)}
          onClose={close}
        />
      )}
    </div>
  );
}
