import { expect, test } from 'vitest';
import { cliOf, curlOf, graphqlOf } from './behind-text';

const asked = { key: 1, kind: 'query' as const, name: 'Project', document: "query Project($project: String!) { project(slug: $project) { name } } # it's", variables: { project: 'shop' } };

test('a query can be pasted into a shell', () => {
  expect(curlOf(asked, 'http://localhost:7070')).toBe(
    `curl 'http://localhost:7070/graphql' \\\n  -H "Authorization: Bearer $DAVIT_TOKEN" \\\n  -H 'Content-Type: application/json' \\\n` +
      `  --data '{"query":"query Project($project: String!) { project(slug: $project) { name } } # it'\\''s","variables":{"project":"shop"}}'`,
  );
  expect(curlOf({ ...asked, kind: 'subscription' }, 'http://x')).toBeNull();
});

test('what the CLI can do is said as it says it', () => {
  expect(cliOf(asked)).toBe('davit services --project shop --json');
  expect(cliOf({ ...asked, name: 'Platform' })).toBeNull();
  expect(graphqlOf(asked)).toContain('# Variables\n# {\n#   "project": "shop"\n# }');
});
