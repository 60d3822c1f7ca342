import type { InstanceState } from '../api/instance';

export type Scope = 'SERVICE' | 'ENVIRONMENT' | 'PROJECT';

type Place = { instance: InstanceState; projectId: string };

export const scopeNames: Record<Scope, string> = { SERVICE: 'this service', ENVIRONMENT: 'the environment', PROJECT: 'the project' };

// targetOf is what the variables of a scope belong to.
export function targetOf(scope: Scope, { instance, projectId }: Place) {
  if (scope === 'SERVICE') return { serviceInstanceId: instance.id };
  if (scope === 'ENVIRONMENT') return { environmentId: instance.environment.id };
  return { projectId };
}
