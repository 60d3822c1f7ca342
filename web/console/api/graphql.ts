import { initGraphQLTada } from 'gql.tada';
import type { introspection } from './schema';

// graphql makes a document whose result and variables are typed by the SDL.
export const graphql = initGraphQLTada<{
  introspection: introspection;
  disableMasking: true;
  scalars: {
    DateTime: string;
    NanoTime: string;
    Duration: string;
    Int64: number;
    JSON: Record<string, unknown>;
    Cursor: string;
    URL: string;
  };
}>();

export type { FragmentOf, ResultOf, VariablesOf } from 'gql.tada';
