import { graphql, type ResultOf } from '../api/graphql';

const deploymentFields = graphql(`
  fragment DeploymentFields on Deployment @_unmask {
    id
    number
    status
    conclusion
    isActive
    message
    url
    queuePosition
    createdAt
    startedAt
    completedAt
    trafficSwitchedAt
    project { id slug name }
    environment { id slug name }
    service { id slug name kind }
    instance { id }
    createdBy { id displayName }
    trigger { kind actor { __typename id displayName } }
    commit { sha message author committedAt branch }
    image { reference digest sizeBytes }
    bundle { digest files sizeBytes }
    rolledBackFrom { id number }
    phases { name status startedAt finishedAt durationMs attempt maxAttempts detail error }
    failure {
      code domain phase message hint exitCode oomKilled retryable
      logExcerpt { timestamp stream message }
    }
    build {
      id
      status
      builder
      platform
      cacheHit
      startedAt
      finishedAt
      steps { id name inputs status cached startedAt finishedAt error }
    }
    replicas { id process slot status health startedAt restarts lastExitCode oomKilled }
    can(actions: [DEPLOY, ROLLBACK, READ_LOGS]) { action allowed reason }
  }
`);

export const deploymentQuery = graphql(`
  query Deployment($id: ID!) {
    deployment(id: $id) {
      ...DeploymentFields
    }
  }
`, [deploymentFields]);

export const deploymentUpdated = graphql(`
  subscription DeploymentUpdated($id: ID!) {
    deploymentUpdated(id: $id) {
      ...DeploymentFields
    }
  }
`, [deploymentFields]);

// A deployment that ended changes on: its replicas, and whether it serves.
export const servesUpdated = graphql(`
  subscription DeploymentServes($id: ID!) {
    serviceInstanceUpdated(id: $id) {
      id
      activeDeployment { id number isActive }
      replicas { id status health startedAt restarts lastExitCode oomKilled }
    }
  }
`);

export const snapshotsQuery = graphql(`
  query DeploymentSnapshots($id: ID!) {
    deployment(id: $id) {
      id
      number
      commit { sha message }
      image { reference digest }
      snapshot { settings variables { name digest scope secret } }
      instance {
        id
        activeDeployment {
          id
          number
          commit { sha message }
          image { reference digest }
          snapshot { settings variables { name digest scope secret } }
        }
      }
    }
  }
`);

export const cancelMutation = graphql(`
  mutation CancelDeployment($input: CancelDeploymentInput!) {
    cancelDeployment(input: $input) { deployment { id status conclusion } }
  }
`);

export const redeployMutation = graphql(`
  mutation Redeploy($input: RedeployInput!) {
    redeploy(input: $input) { deployment { id number } }
  }
`);

export const rollbackMutation = graphql(`
  mutation Rollback($input: RollbackInput!) {
    rollback(input: $input) { deployment { id number } }
  }
`);

export type Deployment = NonNullable<ResultOf<typeof deploymentQuery>['deployment']>;
export type Phase = Deployment['phases'][number];
export type Build = NonNullable<Deployment['build']>;
export type Step = Build['steps'][number];
export type Failure = NonNullable<Deployment['failure']>;
export type Replica = Deployment['replicas'][number];
export type Snapshots = NonNullable<ResultOf<typeof snapshotsQuery>['deployment']>;
export type Snapshot = Snapshots['snapshot'];
