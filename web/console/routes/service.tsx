import { getRouteApi, Link, Outlet, useChildMatches } from '@tanstack/react-router';
import type { ReactElement } from 'react';
import { useQuery } from 'urql';
import { useInstanceUpdates } from '../api/instance';
import { useKept } from '../api/kept';
import { useEvents } from '../api/live';
import { workspaceSlug } from '../api/session';
import { instanceStatus } from '../api/status';
import { ServiceActions } from '../service/actions';
import { ServiceContext } from '../service/context';
import { EnvironmentMenu } from '../service/environment-menu';
import { serviceQuery } from '../service/query';
import { Badge } from '../ui/badge';
import { Outdated } from '../ui/outdated';
import { Page } from '../ui/page';
import { Problem } from '../ui/problem';
import { Waiting } from '../ui/skeleton';
import { tab, tabBar } from '../ui/tabs';
import { NoEnvironment } from './no-environment';
import { NotFound } from './not-found';

const route = getRouteApi('/shell/projects/$project/$service');

// What the pages of a service are called, by the end of their address.
const parts: Record<string, string> = { deployments: 'Deployments', logs: 'Logs', variables: 'Variables', settings: 'Settings', runs: 'Runs' };

// Service is around the pages of one service in one environment.
export function Service(): ReactElement {
  const params = route.useParams();
  const { env } = route.useSearch();
  const part = useChildMatches({ select: (below) => parts[below.at(-1)?.fullPath.split('/').at(-1) ?? ''] });
  const [{ data, error, fetching, stale }, refetch] = useQuery({
    query: serviceQuery,
    variables: { workspace: workspaceSlug, ...params },
    requestPolicy: 'cache-and-network',
  });
  const again = () => { refetch({ requestPolicy: 'network-only' }); };
  const asking = fetching || stale;
  const service = useKept(`${params.project}/${params.service}`, data?.service, asking || error !== undefined);
  const instance = env ? service?.instances.find((i) => i.environment.slug === env) : service?.instances[0];
  useInstanceUpdates(instance?.id, again);
  useEvents(service?.id, again, asking);

  if (!instance && error) return <Page title={params.service}><Problem error={error} onRetry={again} /></Page>;
  if (!instance && asking) return <Page title={params.service}><Waiting /></Page>;
  if (service && !instance && env) return <NoEnvironment project={service.project} environment={env} />;
  if (!service || !instance) return <NotFound />;
  const [tone, words] = instanceStatus(instance);
  const search = env ? { env } : {};
  return (
    <ServiceContext.Provider value={{ service, instance }}>
      <Page
        title={part ? `${part} · ${service.name}` : service.name}
        heading={
          <>
            {service.name} <Badge tone={tone} dot>{words}</Badge>
          </>
        }
        hint={instance.stateReason}
        actions={
          <>
            <EnvironmentMenu />
            <ServiceActions />
          </>
        }
        tabs={
          <nav aria-label={`Pages of ${service.name}`} className={`${tabBar} mb-6`}>
            <Link to="/projects/$project/$service" params={params} search={search} activeOptions={{ exact: true }} className={tab}>Overview</Link>
            <Link to="/projects/$project/$service/deployments" params={params} search={search} className={tab}>Deployments</Link>
            <Link to="/projects/$project/$service/logs" params={params} search={search} className={tab}>Logs</Link>
            {service.kind !== 'STATIC_SITE' && <Link to="/projects/$project/$service/runs" params={params} search={search} className={tab}>Runs</Link>}
            <Link to="/projects/$project/$service/variables" params={params} search={search} className={tab}>Variables</Link>
            <Link to="/projects/$project/$service/settings" params={params} search={search} className={tab}>Settings</Link>
          </nav>
        }
      >
        <Outdated error={error} onRetry={again} />
        <Outlet />
      </Page>
    </ServiceContext.Provider>
  );
}
