// What mends a failure: the button that is offered first.

import type { Failure } from './document';

export type Remedy = 'redeploy' | 'variables' | 'settings' | 'logs';

const inSettings = new Set([
  'APP_NOT_LISTENING', 'APP_UNHEALTHY', 'APP_CANNOT_START', 'APP_OUT_OF_MEMORY', 'IMAGE_NOT_FOUND', 'IMAGE_UNAUTHORIZED',
  'IMAGE_UNSUPPORTED', 'SOURCE_MISSING', 'NOT_BUILDABLE', 'DOCKERFILE_INVALID', 'SOURCE_FORBIDDEN', 'SOURCE_INVALID',
  'REPOSITORY_NOT_FOUND', 'REPOSITORY_UNAUTHORIZED', 'REF_NOT_FOUND', 'BUILD_TIMEOUT', 'DEADLINE_EXCEEDED',
]);
const inVariables = /variable|secret|env(ironment)?\b|\$[A-Z]/i;

// remedyOf says what to do first: the same again where that may help, else where
// what is wrong can be changed, else what the program printed.
export function remedyOf(failure: Pick<Failure, 'code' | 'domain' | 'retryable' | 'hint'>): Remedy {
  if (failure.retryable || failure.domain !== 'USER') return 'redeploy';
  if (failure.hint && inVariables.test(failure.hint)) return 'variables';
  return inSettings.has(failure.code) ? 'settings' : 'logs';
}
