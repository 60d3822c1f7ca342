import { graphql, type FragmentOf } from '../api/graphql';

export const variableFields = graphql(`
  fragment VariableFields on Variable {
    id
    name
    scope
    secret
    value
    usedAt
    updatedAt
    version
    updatedBy {
      id
      displayName
    }
  }
`);

export type Variable = FragmentOf<typeof variableFields>;

export const variablesQuery = graphql(
  `
    query Variables($id: ID!) {
      serviceInstance(id: $id) {
        id
        variables {
          ...VariableFields
        }
        environment {
          id
          variables {
            ...VariableFields
          }
          project {
            id
            variables {
              ...VariableFields
            }
          }
        }
      }
    }
  `,
  [variableFields],
);

export const setVariables = graphql(
  `
    mutation SetVariables($input: SetVariablesInput!) {
      setVariables(input: $input) {
        variables {
          ...VariableFields
        }
      }
    }
  `,
  [variableFields],
);

export const unsetVariables = graphql(`
  mutation UnsetVariables($input: UnsetVariablesInput!) {
    unsetVariables(input: $input) {
      removed
    }
  }
`);
