import type { CombinedError } from '@urql/core';

const extension = (error: CombinedError, name: string): string => {
  const value = error.graphQLErrors.map((e) => e.extensions[name]).find((v) => typeof v === 'string');
  return typeof value === 'string' ? value : '';
};

// code is what the API calls the first error of an answer, '' where it sent none.
export const code = (error: CombinedError) => extension(error, 'code');

// requestId is by what the operator finds the request in the server's log, ''
// where it did not get that far.
export const requestId = (error: CombinedError) => extension(error, 'requestId');

// field is the input that an error is about, '' where it is about none.
export const field = (error: CombinedError) => extension(error, 'field');

// sentence is what happened, for a person.
export function sentence(error: CombinedError): string {
  const [first] = error.graphQLErrors;
  if (first) return first.message;
  return 'The server does not answer. It may be restarting, or your connection is down.';
}
