// What the tabs hold for somebody who comes for the first time.

const overview = `# Davit's API. Ctrl-Enter runs this, Ctrl-Space
# completes, the book on the left explains.
#
# Your token goes along as "Authorization: Bearer …",
# with subscriptions in connection_init. The tab
# Headers below is for more: "Idempotency-Key" makes
# a retry of a mutation safe.

query Overview {
  viewer {
    displayName
  }
  platform {
    version
    components {
      name
      healthy
      message
    }
  }
  workspace(slug: "default") {
    projects(first: 20) {
      nodes {
        name
        services {
          nodes {
            name
            instances {
              status
              routes {
                url
              }
            }
          }
        }
      }
    }
  }
}
`;

const create = `mutation CreateProject($input: CreateProjectInput!) {
  createProject(input: $input) {
    project {
      id
      slug
    }
  }
}
`;

const events = `# Everything that happens in a workspace, from now
# on. Run this, then change something in another
# window or with the davit command.

subscription Events($workspace: ID!) {
  events(scopeId: $workspace) {
    type
    message
    createdAt
    cursor
  }
}
`;

const json = (value: unknown) => JSON.stringify(value, null, 2);

export const examples = (workspaceId: string) => [
  { query: overview, variables: null },
  { query: create, variables: json({ input: { workspaceId, name: 'Shop' } }) },
  { query: events, variables: json({ workspace: workspaceId }) },
];
