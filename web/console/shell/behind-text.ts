import type { Asked } from '../api/behind';

const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

const withVariables = ({ variables }: Asked) => Object.keys(variables).length > 0;

// graphqlOf is an operation with its variables, as GraphiQL takes them.
export const graphqlOf = (a: Asked) =>
  withVariables(a) ? `${a.document}\n\n# Variables\n${JSON.stringify(a.variables, null, 2).replace(/^/gm, '# ')}` : a.document;

// curlOf is a command that asks the same as whoever the token speaks for. What
// streams is given as what the server streams it by.
export function curlOf(a: Asked, origin: string): string | null {
  if (a.kind === 'subscription') return null;
  const body = JSON.stringify({ query: a.document, ...(withVariables(a) && { variables: a.variables }) });
  return [`curl ${quoted(`${origin}/graphql`)} \\`, `  -H "Authorization: Bearer $DAVIT_TOKEN" \\`, `  -H 'Content-Type: application/json' \\`, `  --data ${quoted(body)}`].join('\n');
}

// cliOf is the command of davit that shows the same, null where there is none.
export function cliOf(a: Asked): string | null {
  const { project } = a.variables;
  switch (a.name) {
    case 'Projects':
      return 'davit projects --json';
    case 'Project':
      return typeof project === 'string' ? `davit services --project ${project} --json` : null;
    case 'Service':
    case 'InstanceUpdated':
      return 'davit status --json';
    case 'Variables':
      return 'davit env list --json';
    case 'LogFeed':
      return 'davit logs --follow --json';
    default:
      return null;
  }
}
