import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { Boxes, Plus } from 'lucide-react';
import { useQuery } from 'urql';
import { refusal } from '../api/can';
import { graphql } from '../api/graphql';
import { useEvents } from '../api/live';
import { workspaceSlug } from '../api/session';
import { ProjectCard } from '../project/card';
import { CreateProject } from '../project/create';
import { Button } from '../ui/button';
import { Command } from '../ui/copy';
import { Empty } from '../ui/empty';
import { Outdated } from '../ui/outdated';
import { Page } from '../ui/page';
import { Problem } from '../ui/problem';
import { Waiting } from '../ui/skeleton';

const projectsQuery = graphql(`
  query Projects($workspace: String!) {
    workspace(slug: $workspace) {
      id
      projects(first: 100) {
        totalCount
        nodes {
          id
          slug
          name
          description
          deleting
          updatedAt
          services(first: 1) {
            totalCount
          }
          environments(first: 10) {
            nodes {
              id
              name
              instances {
                id
                status
                latestDeployment {
                  id
                  conclusion
                }
                service {
                  id
                  name
                }
              }
            }
          }
        }
      }
    }
  }
`);

const route = getRouteApi('/shell/');

// Projects is where one arrives: all projects, each with how it is now.
export function Projects() {
  const { workspace } = route.useRouteContext();
  const { new: creating } = route.useSearch();
  const navigate = useNavigate();
  const [{ data, error, fetching, stale }, refetch] = useQuery({
    query: projectsQuery,
    variables: { workspace: workspaceSlug },
    requestPolicy: 'cache-and-network',
  });
  const again = () => { refetch({ requestPolicy: 'network-only' }); };
  useEvents(workspace.id, again, fetching || stale);
  const create = (open: boolean) => void navigate({ to: '/', search: open ? { new: true } : {}, replace: !open });
  const button = (
    <Button tone="primary" refused={refusal(workspace.can, 'WRITE')} onClick={() => { create(true); }}>
      <Plus aria-hidden /> New project
    </Button>
  );
  const projects = data?.workspace?.projects.nodes;
  return (
    <Page title="Projects" actions={projects?.length ? button : undefined}>
      {projects && <Outdated error={error} onRetry={again} />}
      {projects ? (
        projects.length > 0 ? (
          <ul className="grid grid-cols-[repeat(auto-fill,minmax(min(19rem,100%),1fr))] gap-4">
            {projects.map((p) => (
              <li key={p.id} className="grid grid-cols-1">
                <ProjectCard project={p} />
              </li>
            ))}
          </ul>
        ) : (
          <Empty icon={<Boxes />} title="No projects yet" action={button}>
            <p>A project has services that belong together, such as a web application, its worker and its jobs. From a terminal, this deploys a directory and makes its project:</p>
            <div className="mt-4">
              <Command>davit deploy ./shop</Command>
            </div>
          </Empty>
        )
      ) : error ? (
        <Problem error={error} onRetry={again} />
      ) : (
        <Waiting />
      )}
      {creating && <CreateProject workspaceId={workspace.id} onClose={() => { create(false); }} />}
    </Page>
  );
}
