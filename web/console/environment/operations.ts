import { graphql } from '../api/graphql';

export const createEnvironment = graphql(`
  mutation CreateEnvironment($input: CreateEnvironmentInput!) {
    createEnvironment(input: $input) {
      environment {
        id
        slug
        name
      }
    }
  }
`);

export const updateEnvironment = graphql(`
  mutation UpdateEnvironment($input: UpdateEnvironmentInput!) {
    updateEnvironment(input: $input) {
      environment {
        id
        version
        name
        color
        concurrency
      }
    }
  }
`);

export const deleteEnvironment = graphql(`
  mutation DeleteEnvironment($input: DeleteEnvironmentInput!) {
    deleteEnvironment(input: $input) {
      operation {
        id
      }
    }
  }
`);
