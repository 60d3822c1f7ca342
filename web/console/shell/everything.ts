// All projects and services, of which there may be more than a page.
import type { Client } from '@urql/core';
import { useEffect, useState } from 'react';
import { useClient } from 'urql';
import { graphql, type ResultOf } from '../api/graphql';
import { workspaceSlug } from '../api/session';

const projectsPage = graphql(`
  query Everything($workspace: String!, $after: Cursor) {
    workspace(slug: $workspace) {
      id
      projects(first: 25, after: $after) {
        nodes {
          id
          slug
          name
          services(first: 100) {
            nodes {
              id
              slug
              name
            }
            pageInfo {
              hasNextPage
              endCursor
            }
          }
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  }
`);

const servicesPage = graphql(`
  query MoreServices($workspace: String!, $project: String!, $after: Cursor) {
    project(workspace: $workspace, slug: $project) {
      id
      services(first: 100, after: $after) {
        nodes {
          id
          slug
          name
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  }
`);

type Page = NonNullable<ResultOf<typeof projectsPage>['workspace']>['projects'];
type Services = Page['nodes'][number]['services'];
export type Found = { id: string; slug: string; name: string; services: { id: string; slug: string; name: string }[] };

const policy = { requestPolicy: 'network-only' } as const;
const nextOf = ({ pageInfo }: Page | Services) => (pageInfo.hasNextPage ? pageInfo.endCursor : null);

// eachProject gives projects as they come, page by page, each with all of its
// services. It ends early where the server answers nothing.
export async function* eachProject(client: Client): AsyncGenerator<Found> {
  let after: string | null = null;
  do {
    const answer: { data?: ResultOf<typeof projectsPage> | undefined } = await client.query(projectsPage, { workspace: workspaceSlug, after }, policy);
    const page: Page | undefined = answer.data?.workspace?.projects;
    if (!page) return;
    for (const { services, ...project } of page.nodes) {
      const all = [...services.nodes];
      for (let more = nextOf(services); more; ) {
        const { data } = await client.query(servicesPage, { workspace: workspaceSlug, project: project.slug, after: more }, policy);
        all.push(...(data?.project?.services.nodes ?? []));
        more = data?.project ? nextOf(data.project.services) : null;
      }
      yield { ...project, services: all };
    }
    after = nextOf(page);
  } while (after);
}

// useEverything is what came so far, and whether more may come.
export function useEverything(): { projects: readonly Found[]; more: boolean } {
  const client = useClient();
  const [found, setFound] = useState<{ projects: readonly Found[]; more: boolean }>({ projects: [], more: true });
  useEffect(() => {
    let over = false;
    const read = async () => {
      const projects: Found[] = [];
      for await (const project of eachProject(client)) {
        if (over) return;
        projects.push(project);
        if (projects.length % 25 === 0) setFound({ projects: [...projects], more: true });
      }
      setFound({ projects, more: false });
    };
    void read();
    return () => { over = true; };
  }, [client]);
  return found;
}
