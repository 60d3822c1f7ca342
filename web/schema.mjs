// Writes what the console knows of the API, from the SDL in ../schema or $SCHEMA, into
// console/api or the directory that is named: schema.d.ts, by which gql.tada
// types the documents, and types.ts, by which the cache knows what is what.
import { minifyIntrospection, outputIntrospectionFile } from '@gql.tada/internal';
import { buildSchema, introspectionFromSchema, isAbstractType, isObjectType } from 'graphql';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const dir = process.env.SCHEMA ?? join(import.meta.dirname, '..', 'schema');
const schema = buildSchema(
  readdirSync(dir)
    .filter((name) => name.endsWith('.graphqls'))
    .sort()
    .map((name) => readFileSync(join(dir, name), 'utf8'))
    .join('\n'),
);
const preamble = '// Written by "npm run schema" from ../schema.';

const introspection = minifyIntrospection(introspectionFromSchema(schema, { descriptions: false }), {
  includeScalars: true,
  includeEnums: true,
  includeInputs: true,
});
const typed = outputIntrospectionFile(introspection, { fileType: '.d.ts', shouldPreprocess: true, preamble });

const types = Object.values(schema.getTypeMap()).filter((t) => !t.name.startsWith('__'));
const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];
const possible = Object.fromEntries(
  types.filter(isAbstractType).map((t) => [t.name, schema.getPossibleTypes(t).map((p) => p.name).sort()]),
);
const embedded = types
  .filter((t) => isObjectType(t) && !roots.includes(t) && !t.getInterfaces().some((i) => ['Node', 'Principal'].includes(i.name)))
  .map((t) => t.name)
  .filter((name) => !name.endsWith('Payload'))
  .sort();
const known = `${preamble}

export const possibleTypes: Record<string, string[]> = ${JSON.stringify(possible, null, 2)};

// What has no id of its own lies in what it belongs to.
export const embedded = ${JSON.stringify(embedded)};
`;

const out = process.argv[2] ?? join(import.meta.dirname, 'console', 'api');
writeFileSync(join(out, 'schema.d.ts'), typed);
writeFileSync(join(out, 'types.ts'), known);
