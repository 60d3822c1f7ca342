import { mapExchange, type OperationResult } from '@urql/core';

// isTorn says whether an answer lacks more than what failed: a field that may
// not be null failed, and so all around it is null, up to one that may be.
export function isTorn(result: Pick<OperationResult, 'data' | 'error'>): boolean {
  return result.error?.graphQLErrors.some(({ path }) => path !== undefined && stopsShort(result.data, path)) ?? false;
}

function stopsShort(data: unknown, path: readonly (string | number)[]): boolean {
  const [next, ...below] = path;
  if (next === undefined) return false;
  if (data === null || typeof data !== 'object') return true;
  return stopsShort((data as Record<string | number, unknown>)[next], below);
}

// tornExchange takes what is torn off failed answers to queries, so that no cache
// takes it for what is there. It happens where something is deleted while it is
// asked for.
export const tornExchange = mapExchange({
  onResult: (result) => (result.operation.kind === 'query' && isTorn(result) ? { ...result, data: undefined } : result),
});
