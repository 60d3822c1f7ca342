import { graphql, type ResultOf } from '../api/graphql';

export const settingsFields = graphql(`
  fragment SettingsFields on ServiceInstance {
    id
    version
    nextCronRunAt
    settings {
      builder
      language
      languageVersion
      dockerfilePath
      dockerTarget
      buildArgs {
        key
        value
      }
      packages
      processes {
        name
        command
        replicas
      }
      configFiles {
        path
        mode
        size
        digest
      }
      installCommand
      buildCommand
      outputDirectory
      startCommand
      preDeployCommand
      port
      cron
      timeZone
      cronOverlap
      healthCheck {
        kind
        successCodes
        path
        port
        command
        interval
        timeout
        startPeriod
        healthyThreshold
      }
      resources {
        cpuMillis
        memoryBytes
      }
      restartPolicy
      restartMaxRetries
      drainTimeout
    }
    service {
      id
      version
      name
      kind
      source {
        __typename
        ... on GitSource {
          repository
          ref
          rootDirectory
          credential {
            kind
            username
            publicKey
            lastUsedAt
          }
        }
        ... on ImageSource {
          image
        }
      }
    }
  }
`);

export const settingsQuery = graphql(
  `
    query Settings($id: ID!) {
      serviceInstance(id: $id) {
        ...SettingsFields
      }
    }
  `,
  [settingsFields],
);

export type SettingsData = NonNullable<ResultOf<typeof settingsQuery>['serviceInstance']>;

export const updateService = graphql(`
  mutation UpdateService($input: UpdateServiceInput!) {
    updateService(input: $input) {
      service {
        id
        version
        name
        source {
          __typename
          ... on GitSource {
            repository
            ref
            rootDirectory
            credential {
              kind
              username
              publicKey
              lastUsedAt
            }
          }
          ... on ImageSource {
            image
          }
        }
      }
    }
  }
`);

export const updateInstance = graphql(
  `
    mutation UpdateInstance($input: UpdateServiceInstanceInput!) {
      updateServiceInstance(input: $input) {
        instance {
          ...SettingsFields
        }
        deployment {
          id
        }
      }
    }
  `,
  [settingsFields],
);
