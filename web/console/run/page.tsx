import { getRouteApi } from '@tanstack/react-router';
import { CalendarClock, Play, SquareTerminal } from 'lucide-react';
import { useState, type ReactElement } from 'react';
import { useQuery } from 'urql';
import { refusal } from '../api/can';
import { useEvents } from '../api/live';
import { useService } from '../service/context';
import { Badge } from '../ui/badge';
import { Button } from '../ui/button';
import { Card } from '../ui/card';
import { Command } from '../ui/copy';
import { Empty } from '../ui/empty';
import { Problem } from '../ui/problem';
import { Waiting } from '../ui/skeleton';
import { Elapsed, Time } from '../ui/time';
import { RunDialog } from './dialog';
import { runsQuery, type Run } from './operations';
import { stateOf, whatRan } from './words';
import { RunView } from './view';

const route = getRouteApi('/shell/projects/$project/$service/runs');
const perPage = 20;
const most = 100; // what the API gives at once

// Runs are what was run for a service: commands, and a cron service itself.
export function Runs(): ReactElement {
  const { service, instance } = useService();
  const { env, run, log, line } = route.useSearch();
  const navigate = route.useNavigate();
  const [asking, setAsking] = useState<{ again?: readonly string[] }>();
  const [first, setFirst] = useState(perPage);
  const [{ data, error, fetching, stale }, refetch] = useQuery({ query: runsQuery, variables: { id: instance.id, first }, requestPolicy: 'cache-and-network' });
  const again = () => { refetch({ requestPolicy: 'network-only' }); };
  useEvents(instance.id, again, fetching || stale);
  const open = (id: string | undefined) => {
    setAsking(undefined);
    void navigate({ to: '.', search: { ...(env && { env }), ...(id && { run: id }) } });
  };
  const cron = service.kind === 'CRON';
  const refused = (service.deleting ? 'It is being deleted.' : refusal(service.can, 'EXEC')) ?? (instance.activeDeployment ? null : 'Nothing of it was deployed here yet.');
  const button = (
    <Button tone="primary" refused={refused} onClick={() => { setAsking({}); }}>
      <Play aria-hidden /> {cron ? 'Run now' : 'Run a command'}
    </Button>
  );
  const all = data?.serviceInstance?.runs;
  return (
    <>
      {run ? (
        <RunView
          key={run}
          id={run}
          view={{ log, line }}
          onView={(next) => void navigate({ to: '.', search: { ...(env && { env }), run, ...next }, replace: true })}
          onBack={() => { open(undefined); }}
          onAgain={(command) => { setAsking({ again: command }); }}
        />
      ) : !all ? (
        error ? <Problem error={error} onRetry={again} /> : <Waiting height="h-12" />
      ) : all.length === 0 ? (
        <Empty icon={cron ? <CalendarClock /> : <SquareTerminal />} title="Nothing was run yet" action={button}>
          <p>{cron ? 'What runs on schedule shows here, with what it printed and how it ended.' : 'A command runs beside what serves, with its image and its variables. From a terminal:'}</p>
          {!cron && <div className="mt-4"><Command>davit run -- ./manage.py migrate</Command></div>}
        </Empty>
      ) : (
        <>
          <Card title="Runs" hint={instance.nextCronRunAt ? <>Next run <Time ahead at={instance.nextCronRunAt} /></> : `In ${instance.environment.name}, newest first`} action={button} flush>
            <ul className="divide-y divide-line">{all.map((r) => <RunRow key={r.id} run={r} onOpen={() => { open(r.id); }} />)}</ul>
          </Card>
          {all.length >= first && first < most && (
            <div className="mt-4 flex justify-center"><Button busy={fetching || stale} onClick={() => { setFirst(Math.min(most, first + 40)); }}>Show more</Button></div>
          )}
        </>
      )}
      {asking && <RunDialog again={asking.again ?? null} onClose={() => { setAsking(undefined); }} onStarted={open} />}
    </>
  );
}

function RunRow({ run, onOpen }: { run: Run; onOpen: () => void }) {
  const [tone, words] = stateOf(run);
  return (
    <li className="relative flex items-center gap-3 px-4 py-3 transition-colors hover:bg-hover/60">
      <div className="min-w-0 flex-1">
        <button type="button" className="block max-w-full truncate font-mono text-[13px] font-medium after:absolute after:inset-0" onClick={onOpen}>{whatRan(run)}</button>
        <p className="truncate text-xs text-faint">
          {run.status === 'FAILED' && run.error ? <span className="text-bad">{run.error.message}</span> : (
            <><Time at={run.startedAt ?? run.createdAt} />{run.startedAt && <> · <Elapsed from={run.startedAt} to={run.finishedAt} /></>}</>
          )}
        </p>
      </div>
      <Badge tone={tone} dot>{words}</Badge>
    </li>
  );
}
