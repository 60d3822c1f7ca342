import { graphql, type ResultOf } from '../api/graphql';

export const createService = graphql(`
  mutation CreateService($input: CreateServiceInput!) {
    createService(input: $input) {
      service {
        id
        slug
        source {
          ... on GitSource {
            credential {
              publicKey
            }
          }
        }
        instances {
          id
          environment {
            id
            slug
          }
        }
      }
      deployments {
        id
        environment {
          id
        }
      }
    }
  }
`);

// lookQuery asks for a repository and how it would be built at once: each asking
// is counted.
export const lookQuery = graphql(`
  query Look($url: URL!, $credential: RepositoryCredentialInput, $ref: String, $root: String) {
    repository(url: $url, credential: $credential) {
      fullName
      url
      defaultBranch
      canPull
      reason
      branches(first: 100) {
        totalCount
        nodes {
          name
        }
      }
      detect(ref: $ref, rootDirectory: $root) {
        builder
        language
        framework
        runtimeVersion
        versionSource
        packageManager
        installCommand
        buildCommand
        preDeployCommand
        startCommand
        port
        packages
        dockerfile
        outputDirectory
        confidence
        trace
        processes {
          name
          command
        }
        commit {
          sha
          message
        }
      }
    }
  }
`);

// branchesQuery looks for branches by a part of their name.
export const branchesQuery = graphql(`
  query Branches($url: URL!, $credential: RepositoryCredentialInput, $query: String) {
    repository(url: $url, credential: $credential) {
      branches(query: $query, first: 100) {
        totalCount
        nodes {
          name
        }
      }
    }
  }
`);

export type RepositoryData = ResultOf<typeof lookQuery>['repository'];
export type Detection = NonNullable<RepositoryData['detect']>;
