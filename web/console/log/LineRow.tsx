import { Link2 } from 'lucide-react';
import { memo, useMemo } from 'react';
import { copyText } from '../ui/copy';
import { cx } from '../ui/cx';
import { toast } from '../ui/toast';
import { stripAnsi } from './ansi';
import { JsonTree } from './JsonTree';
import { parseJsonLine } from './json';
import type { Line, Severity, Stream } from './line';
import { Ansi } from './text';
import { localTime } from './time';

export interface RowActions {
  choose(id: number, index: number, extend: boolean): void;
  toggle(id: number, index: number): void;
  link(line: Line): string;
}

interface Props {
  line: Line;
  id: number;
  index: number;
  marks: readonly RegExp[];
  active: boolean;
  selected: boolean;
  open: boolean;
  wrap: boolean;
  replica: string | null; // its name; null: one does not say
  actions: RowActions;
}

const edge: Partial<Record<Severity, string>> = {
  WARN: 'border-l-warn bg-warn/7',
  ERROR: 'border-l-bad bg-bad/8',
  FATAL: 'border-l-bad bg-bad/14',
};

const streams: Record<Stream, string> = { BUILD: 'build', STDOUT: '', STDERR: 'err', SYSTEM: 'davit' };

const maxShown = 4000; // characters of a line that nobody opened

// LineRow is one line of a log. It is drawn once, and again only when something about it changes.
export const LineRow = memo(function LineRow({ line, id, index, marks, active, selected, open, wrap, replica, actions }: Props) {
  const text = line.message.length > maxShown && !open ? `${line.message.slice(0, maxShown)}…` : line.message;
  const json = useMemo(() => parseJsonLine(stripAnsi(line.message)), [line.message]);
  const canOpen = json !== undefined || line.message.length > maxShown;
  return (
    <div
      id={`log-row-${id}-${index}`}
      aria-current={active || undefined}
      onClick={(event) => { actions.choose(id, index, event.shiftKey); }}
      className={cx(
        'log-line flex gap-3 border-l-2 pr-3 pl-2 font-mono text-xs',
        edge[line.severity] ?? 'border-l-transparent',
        selected && 'bg-accent/12',
        active ? 'bg-accent/15 outline-1 -outline-offset-1 outline-accent' : 'hover:bg-hover',
      )}
    >
      <time dateTime={line.timestamp} className="shrink-0 text-muted tabular-nums select-none">
        {localTime(line.timestamp)}
      </time>
      <span className={cx('w-9 shrink-0 select-none', line.stream === 'STDERR' ? 'font-semibold text-text' : 'text-muted')}>{streams[line.stream]}</span>
      {replica !== null && <span className="w-16 shrink-0 truncate text-accent-text select-none" title={line.replicaId ?? undefined}>{replica}</span>}
      <span className="flex w-4 shrink-0 select-none">
        {canOpen && (
          <button
            type="button"
            tabIndex={-1}
            aria-expanded={open}
            aria-label={json ? 'Fields' : 'The whole line'}
            className="text-[10px] text-muted hover:text-text"
            onClick={(event) => {
              event.stopPropagation();
              actions.toggle(id, index);
            }}
          >
            <span aria-hidden>{json ? '{}' : '…'}</span>
          </button>
        )}
      </span>
      <div className={cx('log-text min-w-0', wrap ? 'break-all whitespace-pre-wrap' : 'whitespace-pre', faded(line) && 'text-muted')}>
        <Ansi text={text} marks={marks} />
        {open && json && <JsonTree value={json.value} />}
      </div>
      {active && <LinkButton line={line} actions={actions} />}
    </div>
  );
});

const faded = (line: Line) => line.severity === 'DEBUG' || line.severity === 'TRACE' || line.stream === 'SYSTEM';

const LinkButton = ({ line, actions }: { line: Line; actions: RowActions }) => (
  <button
    type="button"
    tabIndex={-1}
    title="Copy a link to this line"
    aria-label="Copy a link to this line"
    className="sticky right-2 ml-auto h-4.25 shrink-0 rounded-sm bg-raised px-1 text-muted hover:text-text"
    onClick={(event) => {
      event.stopPropagation();
      const url = actions.link(line);
      void copyText(url).then((copied) => { toast(copied ? { title: 'The link is on the clipboard' } : { title: 'The link', description: url }); });
    }}
  >
    <Link2 aria-hidden className="size-3" />
  </button>
);
