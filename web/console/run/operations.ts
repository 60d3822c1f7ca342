import { graphql, type FragmentOf } from '../api/graphql';

export const runFields = graphql(`
  fragment RunFields on Operation {
    id
    kind
    status
    message
    command
    exitCode
    scheduledAt
    createdAt
    startedAt
    finishedAt
    error {
      code
      message
      hint
    }
  }
`);

export type Run = FragmentOf<typeof runFields>;

export const runsQuery = graphql(
  `
    query Runs($id: ID!, $first: Int!) {
      serviceInstance(id: $id) {
        id
        nextCronRunAt
        runs(first: $first) {
          ...RunFields
        }
      }
    }
  `,
  [runFields],
);

export const runQuery = graphql(
  `
    query Run($id: ID!) {
      operation(id: $id) {
        ...RunFields
      }
    }
  `,
  [runFields],
);

export const runUpdated = graphql(
  `
    subscription RunUpdated($id: ID!) {
      operationUpdated(id: $id) {
        ...RunFields
      }
    }
  `,
  [runFields],
);

export const runCommand = graphql(
  `
    mutation RunCommand($input: RunCommandInput!) {
      runCommand(input: $input) {
        operation {
          ...RunFields
        }
      }
    }
  `,
  [runFields],
);

export const cancelRun = graphql(
  `
    mutation CancelRun($input: CancelOperationInput!) {
      cancelOperation(input: $input) {
        operation {
          ...RunFields
        }
      }
    }
  `,
  [runFields],
);
