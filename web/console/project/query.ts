import { graphql } from '../api/graphql';
import { instanceState } from '../api/instance';

export const projectQuery = graphql(
  `
    query Project($workspace: String!, $project: String!) {
      project(workspace: $workspace, slug: $project) {
        id
        slug
        name
        description
        version
        deleting
        environments(first: 100) {
          nodes {
            id
            slug
            name
            kind
            version
            color
            concurrency
            deleting
            instances {
              ...InstanceState
            }
          }
        }
        can(actions: [WRITE, DEPLOY, DELETE]) {
          action
          allowed
          reason
        }
      }
    }
  `,
  [instanceState],
);
