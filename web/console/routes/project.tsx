import { getRouteApi, Link } from '@tanstack/react-router';
import { Plus, Ship } from 'lucide-react';
import { useState, type ReactElement } from 'react';
import { useQuery } from 'urql';
import { refusal } from '../api/can';
import { useKept } from '../api/kept';
import { useEvents } from '../api/live';
import { workspaceSlug } from '../api/session';
import { Environments } from '../project/environments';
import { ProjectMenu } from '../project/menu';
import { projectQuery } from '../project/query';
import { ServiceCard } from '../service/card';
import { Button, buttonClass } from '../ui/button';
import { Command } from '../ui/copy';
import { Empty } from '../ui/empty';
import { Input } from '../ui/field';
import { Outdated } from '../ui/outdated';
import { Page } from '../ui/page';
import { Problem } from '../ui/problem';
import { Waiting } from '../ui/skeleton';
import { NoEnvironment } from './no-environment';
import { NotFound } from './not-found';

const route = getRouteApi('/shell/projects/$project');

// Project shows the services of a project in one environment, as they are now.
export function Project(): ReactElement {
  const { project: slug } = route.useParams();
  const { env } = route.useSearch();
  const [query, setQuery] = useState('');
  const [{ data, error, fetching, stale }, refetch] = useQuery({
    query: projectQuery,
    variables: { workspace: workspaceSlug, project: slug },
    requestPolicy: 'cache-and-network',
  });
  const again = () => { refetch({ requestPolicy: 'network-only' }); };
  const asking = fetching || stale;
  const project = useKept(slug, data?.project, asking || error !== undefined);
  useEvents(project?.id, again, asking);

  const environments = project?.environments.nodes ?? [];
  const environment = env ? environments.find((e) => e.slug === env) : environments[0];
  const lacks = !project || (env && !environment);
  if (lacks && error) return <Page title={slug}><Problem error={error} onRetry={again} /></Page>;
  if (lacks && asking) return <Page title={slug}><Waiting /></Page>;
  if (!project) return <NotFound />;
  if (env && !environment) return <NoEnvironment project={project} environment={env} />;
  const instances = environment?.instances ?? [];
  const refused = refusal(project.can, 'WRITE');
  const shown = instances.filter((i) => i.service.name.toLowerCase().includes(query.toLowerCase()));
  const newService = refused ? (
    <Button tone="primary" refused={refused}>
      <Plus aria-hidden /> New service
    </Button>
  ) : (
    <Link to="/create/$project" params={{ project: slug }} search={environment ? { env: environment.slug } : {}} className={buttonClass('primary')}>
      <Plus aria-hidden /> New service
    </Link>
  );
  return (
    <Page
      title={project.name}
      hint={project.deleting ? 'It is being deleted with everything in it.' : project.description}
      actions={<>{instances.length > 0 && newService}<ProjectMenu project={project} environment={environment} alone={environments.length < 2} onChanged={again} /></>}
      tabs={environments.length > 1 && <Environments project={slug} all={environments} current={environment?.id} />}
    >
      <Outdated error={error} onRetry={again} />
      {instances.length > 8 && (
        <Input type="search" aria-label="Find a service" placeholder="Find a service…" value={query} onChange={(e) => { setQuery(e.target.value); }} className="mb-4 max-w-72" />
      )}
      {instances.length === 0 ? (
        <Empty icon={<Ship />} title="Nothing to run yet" action={newService}>
          <p>A service is one thing that runs: from a Git repository, a folder, or an image. From a terminal, in the folder of one:</p>
          <div className="mt-4">
            <Command>{`davit deploy --project ${slug}`}</Command>
          </div>
        </Empty>
      ) : (
        <ul className="grid grid-cols-[repeat(auto-fill,minmax(min(19rem,100%),1fr))] gap-4">
          {shown.map((i) => (
            <li key={i.id} className="grid grid-cols-1">
              <ServiceCard project={slug} instance={i} onGone={again} />
            </li>
          ))}
        </ul>
      )}
    </Page>
  );
}
