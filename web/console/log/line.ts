// What a log is made of, as the API gives it.

export type Stream = 'BUILD' | 'STDOUT' | 'STDERR' | 'SYSTEM';

// In rising order, as the server compares them.
export const severities = ['UNKNOWN', 'TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'] as const;
export type Severity = (typeof severities)[number];

export interface Line {
  cursor: string;
  timestamp: string; // RFC 3339 in UTC, to the nanosecond
  stream: Stream;
  severity: Severity;
  message: string;
  replicaId: string | null;
  truncated: boolean;
  continued: boolean;
}

export type GapReason = 'SLOW_CONSUMER' | 'RATE_LIMITED' | 'RETENTION' | 'STORE_UNAVAILABLE' | 'ENGINE_AWAY';

// Gap is a place where lines are missing. What is still there of them lies
// after `from` and before `to`.
export interface Gap {
  dropped: number | null;
  reason: GapReason;
  from: string;
  to: string;
}

export type EndReason =
  | 'BUILD_ENDED'
  | 'DEPLOYMENT_ENDED'
  | 'COMMAND_ENDED'
  | 'SOURCE_REMOVED'
  | 'PERMISSION_REVOKED'
  | 'SERVER_SHUTDOWN';

export interface Page {
  lines: Line[];
  gaps: Gap[];
  startCursor: string | null;
  endCursor: string | null;
  hasMoreBefore: boolean;
  hasMoreAfter: boolean;
}

export type FeedItem =
  | { kind: 'batch'; lines: Line[]; cursor: string }
  | { kind: 'gap'; gap: Gap }
  | { kind: 'end'; reason: EndReason; cursor: string };

// LogSource says whose log it is: exactly one.
export type LogSource =
  | { deploymentId: string }
  | { buildId: string }
  | { serviceInstanceId: string }
  | { operationId: string };

// ServerFilter is the part of a filter that the server can apply.
export interface ServerFilter {
  streams?: Stream[];
  minSeverity?: Severity;
  search?: string;
  replicaId?: string;
}

export interface PageRange {
  from?: string;
  to?: string;
  after?: string;
  before?: string;
  limit: number;
}

export interface FeedSink {
  item(item: FeedItem): void;
  connected(yes: boolean): void;
  failed(message: string): void;
}

// Transport reads logs of one server. A feed it follows survives lost
// connections: it asks `after` for the cursor to go on from, at first and
// after each.
export interface Transport {
  page(source: LogSource, filter: ServerFilter, range: PageRange, signal: AbortSignal): Promise<Page>;
  follow(source: LogSource, filter: ServerFilter, after: () => string | undefined, sink: FeedSink): () => void;
}
