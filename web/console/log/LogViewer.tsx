import { type KeyboardEvent, useCallback, useMemo, useRef, useState } from 'react';
import { cx } from '../ui/cx';
import { toast } from '../ui/toast';
import { download, save } from './download';
import { parseFilter } from './filter';
import { FilterBar } from './FilterBar';
import { commandOf } from './keys';
import type { LogSource, Transport } from './line';
import { LogBar } from './LogBar';
import { HelpDialog, TimeDialog } from './LogDialogs';
import { LogPane, type PaneHandle } from './LogPane';
import { readPermalink } from './seek';
import type { Anchor } from './store';
import { messageOf } from './tasks';
import { api } from './transport';
import './log.css';

// LogView is the part of an address that says what of a log is shown.
export interface LogView {
  log?: string | undefined; // the filter
  line?: string | undefined; // a permalink
}

interface Props {
  name: string; // of what printed it, for whoever does not see it, and for files
  source: LogSource;
  view: LogView;
  onView: (view: LogView) => void;
  replicas?: readonly { id: string; name: string }[];
  className?: string;
  transport?: Transport;
}

const wrapKey = 'davit:log-wrap';

// LogViewer shows a log while it is written, and all that was printed before.
export function LogViewer({ name, source, view, onView, replicas = [], className, transport = api }: Props) {
  const text = view.log ?? '';
  const filter = useMemo(() => parseFilter(text), [text]);
  const [anchor, setAnchor] = useState<{ is: Anchor; turn: number }>(() => {
    const link = view.line === undefined ? null : readPermalink(view.line);
    return { is: link ? { at: 'line', cursor: link.cursor } : { at: 'end' }, turn: 0 };
  });
  const [link] = useState(view.line ?? null);
  const [wrap, setWrap] = useState(() => localStorage.getItem(wrapKey) !== null);
  const [follow, setFollow] = useState(anchor.is.at === 'end');
  const [asking, setAsking] = useState<'time' | 'help' | null>(null);
  const [saved, setSaved] = useState<number | null>(null);
  const [near, setNear] = useState('');
  const saving = useRef<AbortController>(null);
  const pane = useRef<PaneHandle>(null);
  const filterInput = useRef<HTMLInputElement>(null);
  const findInput = useRef<HTMLInputElement>(null);

  const open = useCallback((is: Anchor) => { setAnchor((before) => ({ is, turn: before.turn + 1 })); }, []);
  const changeFilter = useCallback((log: string) => {
    onView({ log: log.trim() === '' ? undefined : log, line: undefined });
    open({ at: 'end' });
  }, [onView, open]);
  const makeLink = useCallback((line: string) => {
    onView({ log: view.log, line });
    const url = new URL(location.href);
    url.searchParams.set('line', line);
    return url.href;
  }, [onView, view.log]);
  const setHandle = useCallback((handle: PaneHandle | null) => { pane.current = handle; }, []);
  const nameOf = useMemo(() => {
    if (replicas.length < 2) return null;
    const names = new Map(replicas.map((r) => [r.id, r.name]));
    return (id: string) => names.get(id) ?? id.slice(-6);
  }, [replicas]);

  function changeWrap() {
    if (wrap) localStorage.removeItem(wrapKey);
    else localStorage.setItem(wrapKey, '');
    setWrap(!wrap);
  }

  function askTime() {
    setNear(pane.current?.nearTime() ?? new Date().toISOString());
    setAsking('time');
  }

  function saveAll() {
    if (saving.current) {
      saving.current.abort();
      return;
    }
    const controller = (saving.current = new AbortController());
    setSaved(0);
    download(transport, source, filter, setSaved, controller.signal)
      .then((blob) => { save(blob, `${name.replace(/[^\w.-]+/g, '-')}.log`); })
      .catch((error: unknown) => { if (!controller.signal.aborted) toast({ title: 'The log was not downloaded', description: messageOf(error), tone: 'bad' }); })
      .finally(() => {
        saving.current = null;
        setSaved(null);
      });
  }

  function onKeyDown(event: KeyboardEvent) {
    const command = event.defaultPrevented ? null : commandOf(event.nativeEvent);
    if (command === 'find') findInput.current?.focus();
    else if (command === 'filter') filterInput.current?.focus();
    else if (command === 'wrap') changeWrap();
    else if (command === 'time') askTime();
    else if (command === 'help') setAsking('help');
    else return;
    event.preventDefault();
  }

  const sourceKey = Object.entries(source).join();
  return (
    <section aria-label={name} className={cx('log flex min-h-0 flex-col gap-2', className)} onKeyDown={onKeyDown}>
      <FilterBar value={text} filter={filter} onChange={changeFilter} replicas={replicas} build={'buildId' in source} inputRef={filterInput} />
      <LogPane
        key={`${sourceKey} ${anchor.turn} ${filter.key}`}
        name={name}
        source={source}
        transport={transport}
        filter={filter}
        anchor={anchor.is}
        link={link}
        wrap={wrap}
        nameOf={nameOf}
        onLink={makeLink}
        onAnchor={open}
        onFollow={setFollow}
        findRef={findInput}
        handle={setHandle}
        bar={
          <LogBar
            follow={follow}
            wrap={wrap}
            saved={saved}
            onFollow={() => pane.current?.run('follow', false)}
            onWrap={changeWrap}
            onTime={askTime}
            onDownload={saveAll}
            onHelp={() => { setAsking('help'); }}
          />
        }
      />
      <TimeDialog
        open={asking === 'time'}
        near={near}
        onClose={() => { setAsking(null); }}
        onGo={(time) => {
          setAsking(null);
          if (!pane.current?.goTo(time)) open({ at: 'time', from: time });
        }}
      />
      <HelpDialog open={asking === 'help'} onClose={() => { setAsking(null); }} />
    </section>
  );
}
