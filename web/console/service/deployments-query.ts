import { graphql } from '../api/graphql';
import { deploymentRow } from './deployment-row';

export const deploymentsQuery = graphql(
  `
    query Deployments($id: ID!, $first: Int!, $after: Cursor) {
      serviceInstance(id: $id) {
        id
        deployments(first: $first, after: $after) {
          totalCount
          nodes {
            ...DeploymentRow
          }
          pageInfo {
            hasNextPage
            endCursor
          }
        }
      }
    }
  `,
  [deploymentRow],
);
