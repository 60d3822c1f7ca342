// A service to render what belongs to one, and a server that answers as a test
// says. For tests.
import { render } from '@testing-library/react';
import { Client, fetchExchange } from '@urql/core';
import type { ReactElement } from 'react';
import { Provider } from 'urql';
import { Hints } from '../ui/hint';
import { ServiceContext, type ServiceView } from './context';

type Over = { kind?: ServiceView['service']['kind']; can?: ServiceView['service']['can']; status?: ServiceView['instance']['status']; latest?: ServiceView['instance']['latestDeployment'] };

export function serviceView({ kind = 'WEB', can = [], status = 'RUNNING', latest = null }: Over = {}): ServiceView {
  const environment = { id: 'env_1', slug: 'production', name: 'Production' };
  const source = { __typename: 'ImageSource' as const, image: 'nginx' };
  const instance: ServiceView['instance'] = {
    id: 'ins_1', version: 1, status, health: 'HEALTHY', stateReason: null, nextCronRunAt: null,
    service: { id: 'svc_1', slug: 'web', name: 'web', kind, deleting: false, source },
    environment, settings: { replicas: 2 }, routes: [], latestDeployment: latest,
    replicas: [],
    activeDeployment: { id: 'dep_1', number: 1, trafficSwitchedAt: null, image: null, bundle: null, commit: null },
  };
  return {
    service: { id: 'svc_1', slug: 'web', name: 'web', kind, version: 1, deleting: false, internalHost: 'web', project: { id: 'prj_1', slug: 'shop', name: 'Shop' }, instances: [instance], can },
    instance,
  };
}

type Body = { query: string; variables: Record<string, unknown> };

// at renders something of a service, whose requests are answered by what answer
// says. It returns the variables of what was asked.
export function at(element: ReactElement, answer: (body: Body) => object, over?: Over) {
  const asked: Record<string, unknown>[] = [];
  const server: typeof fetch = (_, init) => {
    const body = JSON.parse(init?.body as string) as Body;
    asked.push(body.variables);
    return Promise.resolve(new Response(JSON.stringify(answer(body)), { headers: { 'content-type': 'application/json' } }));
  };
  const client = new Client({ url: 'http://davit/graphql', preferGetMethod: false, exchanges: [fetchExchange], fetch: server });
  const view = render(
    <Hints>
      <Provider value={client}>
        <ServiceContext.Provider value={serviceView(over)}>{element}</ServiceContext.Provider>
      </Provider>
    </Hints>,
  );
  return { asked, unmount: view.unmount };
}
