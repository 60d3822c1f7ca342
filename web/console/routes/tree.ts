// Which page is at which address. Each is a file of its own that comes when it
// is first opened.
import { createRootRoute, createRoute, createRouter, redirect } from '@tanstack/react-router';
import { Refused, session } from '../api/session';
import { logSearch } from '../log/search';
import { Broken } from './broken';
import { NotFound } from './not-found';
import { page } from './page';

const root = createRootRoute({ notFoundComponent: NotFound });

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/login',
  validateSearch: (search): { next?: string } => (typeof search.next === 'string' ? { next: search.next } : {}),
  component: page(() => import('./sign-in'), 'SignIn'),
});

const claim = createRoute({
  getParentRoute: () => root,
  path: '/claim',
  component: page(() => import('./claim'), 'Claim'),
});

// All that needs somebody who is signed in.
const shell = createRoute({
  getParentRoute: () => root,
  id: 'shell',
  beforeLoad: async ({ location }) => {
    try {
      return await session();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      throw redirect({ to: '/login', search: location.href === '/' ? {} : { next: location.href } });
    }
  },
  component: page(() => import('./shell'), 'Shell'),
});

const projects = createRoute({
  getParentRoute: () => shell,
  path: '/',
  validateSearch: (search): { new?: boolean } => (search.new === true ? { new: true } : {}),
  component: page(() => import('./projects'), 'Projects'),
});

const platform = createRoute({
  getParentRoute: () => shell,
  path: '/platform',
  component: page(() => import('./platform'), 'Platform'),
});

const registries = createRoute({
  getParentRoute: () => shell,
  path: '/registries',
  component: page(() => import('../registry/page'), 'Registries'),
});

// Which environment of a project one looks at; its first one unless it is said.
const inEnvironment = (search: Record<string, unknown>): { env?: string } =>
  typeof search.env === 'string' ? { env: search.env } : {};

const project = createRoute({
  getParentRoute: () => shell,
  path: '/projects/$project',
  validateSearch: inEnvironment,
  component: page(() => import('./project'), 'Project'),
});

const create = createRoute({
  getParentRoute: () => shell,
  path: '/create/$project',
  validateSearch: inEnvironment,
  component: page(() => import('./create'), 'Create'),
});

const service = createRoute({
  getParentRoute: () => shell,
  path: '/projects/$project/$service',
  validateSearch: inEnvironment,
  component: page(() => import('./service'), 'Service'),
});

const overview = createRoute({
  getParentRoute: () => service,
  path: '/',
  component: page(() => import('../service/overview'), 'Overview'),
});

const deployments = createRoute({
  getParentRoute: () => service,
  path: '/deployments',
  component: page(() => import('../service/deployments'), 'Deployments'),
});

const logs = createRoute({
  getParentRoute: () => service,
  path: '/logs',
  validateSearch: logSearch,
  component: page(() => import('../service/logs'), 'Logs'),
});

const variables = createRoute({
  getParentRoute: () => service,
  path: '/variables',
  component: page(() => import('../variable/page'), 'Variables'),
});

const runSearch = (search: Record<string, unknown>): { run?: string } => (typeof search.run === 'string' ? { run: search.run } : {});

const runs = createRoute({
  getParentRoute: () => service,
  path: '/runs',
  validateSearch: (search) => ({ ...logSearch(search), ...runSearch(search) }),
  component: page(() => import('../run/page'), 'Runs'),
});

const settings = createRoute({
  getParentRoute: () => service,
  path: '/settings',
  component: page(() => import('../settings/page'), 'Settings'),
});

const deployment = createRoute({
  getParentRoute: () => shell,
  path: '/projects/$project/$service/deployments/$deployment',
  validateSearch: (search) => ({ ...inEnvironment(search), ...logSearch(search) }),
  component: page(() => import('./deployment'), 'Deployment'),
});

const inService = [overview, deployments, logs, runs, variables, settings] as const;

export const router = createRouter({
  routeTree: root.addChildren([
    signIn,
    claim,
    shell.addChildren([projects, platform, registries, project, create, service.addChildren(inService), deployment]),
  ]),
  defaultPreload: 'intent',
  defaultErrorComponent: Broken,
  defaultNotFoundComponent: NotFound,
  scrollRestoration: true,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
