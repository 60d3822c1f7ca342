// The part of an address that a log viewer writes and reads.

import type { LogView } from './LogViewer';

const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

// logSearch validates what a route finds in its address. What is not there is left out.
export function logSearch(search: Record<string, unknown>): LogView {
  const log = text(search.log);
  const line = text(search.line);
  return { ...(log !== undefined && { log }), ...(line !== undefined && { line }) };
}
