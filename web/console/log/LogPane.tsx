import { type KeyboardEvent, type Ref, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { copyText } from '../ui/copy';
import { toast } from '../ui/toast';
import type { RowLook } from './BlockRows';
import type { GapEntry } from './entries';
import type { Filter } from './filter';
import { FindBar } from './FindBar';
import { type Command, commandOf } from './keys';
import type { LogSource, Transport } from './line';
import type { RowActions } from './LineRow';
import { LogRows } from './LogRows';
import { LogFoot, LogNotices } from './LogStatus';
import { permalinkOf, readPermalink, refOf, rowAtTime, rowOf, rowOfLink } from './seek';
import { type Anchor, LogStore } from './store';
import { useCursor } from './use-cursor';
import { useFind } from './use-find';
import { countText, useMatches } from './use-matches';
import { useRows } from './use-rows';

export interface PaneHandle {
  run: (command: Command, extend: boolean) => boolean; // whether it knows the command
  goTo: (time: string) => boolean; // whether that time is among the rows
  nearTime: () => string;
}

interface Props {
  name: string;
  source: LogSource;
  transport: Transport;
  filter: Filter;
  anchor: Anchor;
  link: string | null; // of the line it is opened at
  wrap: boolean;
  nameOf: ((replicaId: string) => string) | null;
  onLink: (link: string) => string; // makes an address of it
  onAnchor: (anchor: Anchor) => void; // opens the log elsewhere
  onFollow: (follow: boolean) => void;
  findRef: Ref<HTMLInputElement>;
  handle: (handle: PaneHandle | null) => void;
  bar: React.ReactNode;
}

const noMarks: RegExp[] = [];

// LogPane shows one log through one filter. Whoever shows another one makes another pane.
export function LogPane(props: Props) {
  const { source, transport, filter, anchor, link, wrap, nameOf, onLink, onAnchor, onFollow, handle } = props;
  const [store] = useState(() => new LogStore({ transport, source, filter: filter.server, keep: filter.keep }));
  useEffect(() => store.attach(anchor), [store, anchor]);
  const [follow, setFollow] = useState(anchor.at === 'end');
  const [seen, setSeen] = useState(0); // of the lines that came live
  const [text, setText] = useState('');
  const container = useRef<HTMLDivElement>(null);

  const cursor = useCursor(store);
  const { choose, toggle } = cursor;
  const measured = wrap || cursor.open.size > 0;
  const changeFollow = useCallback((on: boolean) => {
    setFollow(on);
    setSeen(store.received);
    onFollow(on);
  }, [store, onFollow]);
  const view = useRows(store, follow, changeFollow, measured);
  const { reveal, scroller } = view;
  const { opened } = store;
  const stay = useCallback((row: number, where: 'nearest' | 'center') => {
    if (row < store.rows.rowCount - 1) changeFollow(false);
    reveal(row, where);
  }, [store, changeFollow, reveal]);

  const find = useFind(store, text, (ref) => {
    choose(ref, false);
    stay(rowOf(store.rows, ref), 'center');
  });
  const found = useMatches(store, find.mark, cursor.active);
  const firstSeen = () => {
    const item = view.virtualizer.getVirtualItemForOffset(scroller.current?.scrollTop ?? 0);
    const block = item && store.rows.block(item.index);
    return block ? rowOf(store.rows, { id: block.entry.id, index: block.from }) : 0;
  };
  const step = (by: 1 | -1) => void find.step(cursor.at >= 0 ? cursor.at : firstSeen() - by, by);

  useEffect(() => {
    if (!opened || anchor.at === 'end') return;
    const wanted = link === null ? null : readPermalink(link);
    const row = anchor.at === 'line' ? (wanted && rowOfLink(store.rows, wanted)) : (rowAtTime(store.rows, anchor.from) ?? 0);
    if (row === null) return;
    choose(refOf(store.rows, row), false);
    reveal(row, 'center');
  }, [opened, anchor, link, store, choose, reveal]);

  const fill = useCallback((gap: GapEntry) => void store.fillGap(gap), [store]);
  const actions = useMemo<RowActions>(() => ({
    choose: (id, index, extend) => { choose({ id, index }, extend); },
    toggle,
    link: (line) => onLink(permalinkOf(line)),
  }), [choose, toggle, onLink]);
  const { open } = cursor;
  const { mark } = find;
  const look = useMemo<RowLook>(
    () => ({ marks: mark ? [...filter.marks, mark] : filter.marks.length > 0 ? filter.marks : noMarks, wrap, open, nameOf, actions, onFill: fill }),
    [mark, filter.marks, wrap, open, nameOf, actions, fill],
  );

  const copy = (what: string) => void copyText(what).then((done) => {
    toast(done ? { title: 'Copied' } : { title: 'The browser does not let this page copy', tone: 'bad' });
  });
  const goToEnd = () => {
    if (store.newer === 'none') changeFollow(true);
    else onAnchor({ at: 'end' });
  };

  function run(command: Command, extend: boolean): boolean {
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 0) / 17) - 2);
    const by = { down: 1, up: -1, 'page-down': page, 'page-up': -page, first: -Infinity, last: Infinity }[command as string];
    if (by !== undefined) {
      if (command === 'last') goToEnd();
      const row = cursor.move(by, by > 0 ? firstSeen() : store.rows.rowCount - 1, extend);
      if (row !== null) stay(row, 'nearest');
      return true;
    }
    const place = store.rows.place(cursor.at);
    const line = store.lineAt(cursor.at);
    switch (command) {
      case 'next': step(1); return true;
      case 'previous': step(-1); return true;
      case 'follow': if (follow) changeFollow(false); else goToEnd(); return true;
      case 'open': if (place?.entry.kind === 'gap') fill(place.entry); else if (place) toggle(place.entry.id, place.index); return true;
      case 'copy': void cursor.text(new AbortController().signal).then((what) => { if (what) copy(what); }); return true;
      case 'link': if (line) copy(actions.link(line)); return true;
      case 'clear': choose(null, false); return true;
      default: return false;
    }
  }
  useEffect(() => {
    handle({
      run,
      goTo: (time) => {
        const row = rowAtTime(store.rows, time);
        if (row === null) return false;
        choose(refOf(store.rows, row), false);
        stay(row, 'center');
        return true;
      },
      nearTime: () => store.lineAt(cursor.at >= 0 ? cursor.at : firstSeen())?.timestamp ?? new Date().toISOString(),
    });
    return () => { handle(null); };
  });

  const current = store.lineAt(cursor.at);
  return (
    <>
      <div className="flex flex-wrap items-center gap-1">
        <FindBar
          value={text}
          onChange={(value) => { find.stop(); setText(value); }}
          onStep={step}
          onLeave={() => { find.stop(); setText(''); scroller.current?.focus(); }}
          count={found ? countText(found) : ''}
          state={find.state}
          inputRef={props.findRef}
        />
        {props.bar}
      </div>
      <div
        ref={container}
        className="relative min-h-0 flex-1 overflow-hidden rounded-lg border border-line"
        onKeyDown={(event: KeyboardEvent) => {
          const command = commandOf(event.nativeEvent);
          if (command && run(command, event.shiftKey && command !== 'last')) event.preventDefault();
        }}
      >
        <LogRows
          name={props.name}
          store={store}
          scroller={scroller}
          items={view.items}
          total={view.total}
          sight={view.sight}
          measure={measured ? view.virtualizer.measureElement : undefined}
          onScroll={view.onScroll}
          cursor={cursor}
          look={look}
          foot={<LogFoot store={store} />}
        />
        <LogNotices
          store={store}
          follow={follow}
          unseen={follow ? 0 : store.received - seen}
          onEnd={goToEnd}
          onRetry={() => void (store.opened ? store.retry() : store.open(anchor))}
        />
        <p role="status" className="sr-only">{current?.message}</p>
      </div>
    </>
  );
}
