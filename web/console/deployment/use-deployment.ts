// A deployment as it is now, and after every change.

import { useEffect, useRef } from 'react';
import { useQuery, useSubscription } from 'urql';
import { toast } from '../ui/toast';
import { type Deployment, deploymentQuery, deploymentUpdated, servesUpdated } from './document';

export function useDeployment(id: string) {
  const [query, again] = useQuery({ query: deploymentQuery, variables: { id } });
  const deployment = query.data?.deployment ?? null;
  const ended = deployment?.status === 'COMPLETED';
  // The cache takes what these bring, and the query shows it. They begin once that
  // was answered: its answer would else replace a later state, even the last.
  useSubscription({ query: deploymentUpdated, variables: { id }, pause: !deployment || ended });
  const [serves] = useSubscription({ query: servesUpdated, variables: { id: deployment?.instance.id ?? '' }, pause: !ended });
  useEnding(deployment);

  const instance = ended ? serves.data?.serviceInstanceUpdated : undefined;
  return {
    deployment: deployment && instance ? { ...deployment, isActive: instance.activeDeployment?.id === id } : deployment,
    serving: instance?.activeDeployment?.number ?? null, // which one serves, once this one ended
    error: query.error,
    fetching: query.fetching,
    again: () => { again({ requestPolicy: 'network-only' }); },
  };
}

// useEnding says how a deployment ended that was seen under way.
function useEnding(deployment: Deployment | null) {
  const last = useRef<{ id: string; conclusion: Deployment['conclusion'] }>(null);
  useEffect(() => {
    if (!deployment) return;
    const { id, conclusion, number, service, failure } = deployment;
    const before = last.current;
    last.current = { id, conclusion };
    if (before?.id !== id || before.conclusion !== null || conclusion === null) return;
    const name = `${service.name} #${number}`;
    if (conclusion === 'SUCCEEDED') toast({ title: `${name} is live`, tone: 'good' });
    else if (conclusion === 'FAILED') toast({ title: `${name} failed`, tone: 'bad', ...(failure && { description: failure.message }) });
    else toast({ title: `${name} was ${conclusion === 'CANCELED' ? 'canceled' : 'skipped'}` });
  }, [deployment]);
}
