import { graphql, type FragmentOf } from '../api/graphql';

export const credentialFields = graphql(`
  fragment CredentialFields on RegistryCredential {
    id
    host
    username
    createdAt
    lastUsedAt
  }
`);

export type Credential = FragmentOf<typeof credentialFields>;

export const credentialsQuery = graphql(
  `
    query RegistryCredentials($workspace: String!) {
      workspace(slug: $workspace) {
        id
        registryCredentials {
          ...CredentialFields
        }
        can(actions: [WRITE]) {
          action
          allowed
          reason
        }
      }
    }
  `,
  [credentialFields],
);

export const putCredential = graphql(
  `
    mutation PutRegistryCredential($input: PutRegistryCredentialInput!) {
      putRegistryCredential(input: $input) {
        registryCredential {
          ...CredentialFields
        }
      }
    }
  `,
  [credentialFields],
);

export const removeCredential = graphql(`
  mutation RemoveRegistryCredential($input: RemoveRegistryCredentialInput!) {
    removeRegistryCredential(input: $input) {
      removedId
    }
  }
`);
