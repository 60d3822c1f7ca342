// A whole log as a file, page by page, so that no more of it than a page is in
// memory as lines.

import { stripAnsi } from './ansi';
import type { Filter } from './filter';
import type { Line, LogSource, Transport } from './line';
import { pageLines } from './pages';

const epoch = '1970-01-01T00:00:00Z';

export const textOf = (line: Line) => `${line.timestamp} ${line.stream.toLowerCase()} ${stripAnsi(line.message)}\n`;

// download reads what a filter keeps of a log, from its beginning on, until it
// is at its end. onProgress hears of each page how many lines there are.
export async function download(
  transport: Transport,
  source: LogSource,
  filter: Filter,
  onProgress: (lines: number) => void,
  signal: AbortSignal,
): Promise<Blob> {
  const parts: Blob[] = [];
  let lines = 0;
  let after: string | null = null;
  for (;;) {
    const range = { limit: pageLines, ...(after === null ? { from: epoch } : { after }) };
    const page = await transport.page(source, filter.server, range, signal);
    const kept = filter.keep ? page.lines.filter(filter.keep) : page.lines;
    lines += kept.length;
    if (kept.length > 0) parts.push(new Blob([kept.map(textOf).join('')]));
    onProgress(lines);
    if (!page.hasMoreAfter || page.endCursor === null || page.endCursor === after) break;
    after = page.endCursor;
  }
  return new Blob(parts, { type: 'text/plain' });
}

// save gives a file to the browser.
export function save(blob: Blob, name: string) {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => { URL.revokeObjectURL(url); }, 60_000);
}
