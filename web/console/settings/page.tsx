import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { useClient, useQuery } from 'urql';
import { sayProblem, useAct, useForm } from '../api/act';
import { code } from '../api/fault';
import { refusal } from '../api/can';
import { useKept } from '../api/kept';
import { useEvents } from '../api/live';
import { useService } from '../service/context';
import { deploy } from '../service/operations';
import { CopyAs } from '../shell/copy-as';
import { Button } from '../ui/button';
import { Outdated } from '../ui/outdated';
import { Problem } from '../ui/problem';
import { Waiting } from '../ui/skeleton';
import { Time } from '../ui/time';
import { toast } from '../ui/toast';
import { Access } from './access';
import { Apply, type How } from './apply';
import { groupsOf, settled, type Group } from './fields';
import { ConfigFiles } from './files';
import { inputOf, serviceInputOf } from './form';
import { GroupCard } from './group';
import { settingsQuery, updateInstance, updateService, type SettingsData } from './operations';
import { isFine, problemsOf } from './problems';
import { Processes } from './processes';
import { changed, said, valuesOf, type Values } from './values';

// Settings are how a service is built and run in one environment.
export function Settings() {
  const { service, instance } = useService();
  const [{ data, error, fetching, stale }, refetch] = useQuery({ query: settingsQuery, variables: { id: instance.id }, requestPolicy: 'cache-and-network' });
  const again = () => { refetch({ requestPolicy: 'network-only' }); };
  useEvents(service.id, again, fetching || stale); // else a version that is shared with other pages would be newer than the settings
  const found = useKept(instance.id, data?.serviceInstance, fetching || stale || error !== undefined); // with it goes what was typed
  if (!found) return error ? <Problem error={error} onRetry={again} /> : <Waiting />;
  return (
    <>
      <Outdated error={error} onRetry={again} />
      <Form key={found.id} data={found} again={again} />
    </>
  );
}

function Form({ data, again }: { data: SettingsData; again: () => void }) {
  const { service, instance } = useService();
  const client = useClient();
  const navigate = useNavigate();
  const [edits, setEdits] = useState<Partial<Values>>({});
  // the version one began to edit at: what others change meanwhile is a conflict
  const [base, setBase] = useState(data);
  const shown = Object.keys(edits).length > 0 ? base : data;
  const source = shown.service.source;
  const groups = groupsOf({ kind: service.kind, source: source?.__typename });
  const before = valuesOf(shown);
  const typed = { ...before, ...edits };
  const after = settled(groups, before, typed);
  const keys = changed(before, after);
  const input = inputOf(before, after);
  const settings = useForm(updateInstance);
  const general = useForm(updateService);
  const [deployNewest, deploying] = useAct(deploy, 'Settings are changed, but nothing was deployed');
  const refused = refusal(service.can, 'WRITE');
  const latest = instance.latestDeployment;
  const problem = general.problem ?? settings.problem;
  const conflict = problem !== undefined && code(problem) === 'VERSION_CONFLICT';

  const change = (part: Partial<Values>) => {
    if (Object.keys(edits).length === 0) setBase(data);
    setEdits({ ...edits, ...part });
  };
  const rebase = async () => {
    const now = await client.query(settingsQuery, { id: instance.id }, { requestPolicy: 'network-only' });
    if (now.error) sayProblem('What is there now was not read', now.error);
    if (!now.data?.serviceInstance) return;
    settings.clear();
    general.clear();
    setBase(now.data.serviceInstance);
  };
  const apply = async (how: How) => {
    const ofService = serviceInputOf(before, after);
    if (ofService) {
      const done = await general.run({ input: { serviceId: service.id, expectedVersion: shown.service.version, ...ofService } });
      if (!done) return;
      setBase({ ...shown, service: { ...shown.service, ...done.updateService.service } }); // stays where what follows is refused
    }
    let deployment: string | undefined;
    if (Object.keys(input).length > 0) {
      const done = await settings.run({ input: { serviceInstanceId: instance.id, expectedVersion: shown.version, settings: input, apply: how === 'ANEW' ? 'STAGE' : how } });
      if (!done) return;
      deployment = done.updateServiceInstance.deployment?.id;
    }
    setEdits({});
    again();
    if (how === 'ANEW') {
      const done = await deployNewest({ input: { serviceInstanceId: instance.id } });
      if (!done) return;
      deployment = done.deploy.deployment.id;
    }
    toast({ tone: 'good', title: 'Settings are changed', ...(!deployment && { description: 'They count from the next deployment on.' }) });
    if (!deployment) return;
    const params = { project: service.project.slug, service: service.slug, deployment };
    await navigate({ to: '/projects/$project/$service/deployments/$deployment', params, search: { env: instance.environment.slug } });
  };
  const also = (which: Group['also']) => {
    switch (which) {
      case 'processes':
        return <Processes values={typed} disabled={Boolean(refused)} onChange={(processes) => { change({ processes }); }} />;
      case 'files':
        return <ConfigFiles values={typed} disabled={Boolean(refused)} onChange={(files) => { change({ files }); }} />;
      case 'cron':
        return <p className="mt-4 text-muted">{data.nextCronRunAt ? <>Next run <Time ahead at={data.nextCronRunAt} />: {new Date(data.nextCronRunAt).toLocaleString('en-GB', { timeZone: data.settings.timeZone, dateStyle: 'full', timeStyle: 'short' })}, {data.settings.timeZone}.</> : 'No run is due: it has no schedule, was not deployed, or is stopped.'}</p>;
      case 'access':
        return source?.__typename === 'GitSource' && <Access serviceId={service.id} source={source} refused={refused} onChanged={again} />;
      case undefined:
        return null;
    }
  };
  const problems = problemsOf(typed);
  const labels: Partial<Record<string, string>> = { processes: 'Processes', files: 'Config files', ...Object.fromEntries(groups.flatMap((g) => g.fields.map((f) => [f.key, f.label]))) };
  return (
    <div className="flex max-w-3xl flex-col gap-5">
      {refused && <p className="text-muted">{refused}</p>}
      {groups.map((g) => (
        <GroupCard key={g.title} group={g} values={typed} changed={keys} problems={problems} disabled={Boolean(refused)} onChange={(key, value) => { change({ [key]: value }); }}>
          {also(g.also)}
        </GroupCard>
      ))}
      {keys.length > 0 && (
        <Apply
          changes={keys.map((key) => ({ key, label: labels[key] ?? key, before: said(before, key), after: said(after, key) }))}
          fine={isFine(after)}
          serving={Object.keys(input).length > 0 && instance.activeDeployment ? instance.activeDeployment.number : null}
          failed={latest?.conclusion === 'FAILED' ? latest.number : null}
          refused={refusal(service.can, 'DEPLOY')}
          busy={settings.busy || general.busy || deploying}
          problem={problem}
          conflict={conflict && <Button size="small" onClick={() => void rebase()}>Put my changes onto what is there now</Button>}
          copy={Object.keys(input).length > 0 && <CopyAs document={updateInstance} variables={{ input: { serviceInstanceId: instance.id, settings: input } }} />}
          onApply={(how) => void apply(how)}
          onDiscard={() => {
            setEdits({});
            settings.clear();
            general.clear();
          }}
        />
      )}
    </div>
  );
}
