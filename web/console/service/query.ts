import { graphql, type ResultOf } from '../api/graphql';
import { instanceState } from '../api/instance';

export const serviceQuery = graphql(
  `
    query Service($workspace: String!, $project: String!, $service: String!) {
      service(workspace: $workspace, project: $project, slug: $service) {
        id
        slug
        name
        kind
        version
        deleting
        internalHost
        project {
          id
          slug
          name
        }
        instances {
          ...InstanceState
        }
        can(actions: [WRITE, DEPLOY, ROLLBACK, READ_LOGS, EXEC, DELETE]) {
          action
          allowed
          reason
        }
      }
    }
  `,
  [instanceState],
);

export type ServiceData = NonNullable<ResultOf<typeof serviceQuery>['service']>;
