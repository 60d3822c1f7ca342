// Logs of builds and of what runs: one viewer for all of them.

export { Ansi } from './text';
export { LogViewer, type LogView } from './LogViewer';
export type { LogSource } from './line';
export { logSearch } from './search';
