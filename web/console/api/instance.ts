import { useEffect, useRef } from 'react';
import { useSubscription } from 'urql';
import { graphql, type FragmentOf } from './graphql';

// What every view of an instance shows of it.
export const instanceState = graphql(`
  fragment InstanceState on ServiceInstance {
    id
    version
    status
    health
    stateReason
    nextCronRunAt
    service {
      id
      slug
      name
      kind
      deleting
      source {
        __typename
        ... on GitSource {
          repository
          ref
        }
        ... on ImageSource {
          image
        }
        ... on UploadSource {
          artifactId
        }
      }
    }
    environment {
      id
      slug
      name
    }
    settings {
      replicas
    }
    routes {
      id
      url
      hostname
    }
    replicas {
      id
      process
      slot
      status
      health
      startedAt
      restarts
      lastExitCode
      oomKilled
    }
    activeDeployment {
      id
      number
      trafficSwitchedAt
      image {
        reference
        digest
      }
      bundle {
        digest
        files
      }
      commit {
        sha
        message
        branch
      }
    }
    latestDeployment {
      id
      number
      status
      conclusion
      isActive
      createdAt
      queuePosition
      failure {
        message
      }
    }
  }
`);

export type InstanceState = FragmentOf<typeof instanceState>;

const instanceUpdated = graphql(
  `
    subscription InstanceUpdated($id: ID!) {
      serviceInstanceUpdated(id: $id) {
        ...InstanceState
      }
    }
  `,
  [instanceState],
);

// useInstanceUpdates keeps what the cache knows of an instance as it is, and
// calls back when that ends: it is gone, or was before anybody watched it.
export function useInstanceUpdates(id: string | undefined, ended: () => void) {
  const [{ error }] = useSubscription({ query: instanceUpdated, variables: { id: id ?? '' }, pause: !id });
  const latest = useRef(ended);
  useEffect(() => {
    latest.current = ended;
  });
  const over = error !== undefined;
  useEffect(() => {
    if (over) latest.current();
  }, [over]);
}
