import { Client, fetchExchange } from '@urql/core';
import { expect, it } from 'vitest';
import { eachProject, type Found } from './everything';

type Asked = { query: string; variables: { project?: string; after: string | null } };

// pageOf is the part of a list after a cursor, which is a place in it.
function pageOf<T>(list: T[], after: string | null, first: number) {
  const from = Number(after ?? 0);
  return { nodes: list.slice(from, from + first), pageInfo: { hasNextPage: from + first < list.length, endCursor: String(from + first) } };
}

it('reads every project and every service, page by page', async () => {
  const projects: Found[] = Array.from({ length: 60 }, (_, p) => ({
    id: `prj_${p}`, slug: `p${p}`, name: `P${p}`,
    services: Array.from({ length: p === 30 ? 250 : 2 }, (_, s) => ({ id: `svc_${p}_${s}`, slug: `s${s}`, name: `S${s}` })),
  }));
  let requests = 0;
  const server: typeof fetch = (_, init) => {
    requests++;
    const { query, variables } = JSON.parse(init?.body as string) as Asked;
    const withServices = (p: Found, after: string | null) => ({ ...p, services: pageOf(p.services, after, 100) });
    const one = projects.find((p) => p.slug === variables.project);
    const page = pageOf(projects, variables.after, 25);
    const data = query.includes('MoreServices')
      ? { project: one && withServices(one, variables.after) }
      : { workspace: { id: 'ws_1', projects: { ...page, nodes: page.nodes.map((p) => withServices(p, null)) } } };
    return Promise.resolve(new Response(JSON.stringify({ data }), { headers: { 'content-type': 'application/json' } }));
  };
  const client = new Client({ url: 'http://davit/graphql', preferGetMethod: false, exchanges: [fetchExchange], fetch: server });
  const got: Found[] = [];
  for await (const project of eachProject(client)) got.push(project);
  expect(got).toEqual(projects);
  expect(requests).toBe(3 + 2);
});
