import { getRouteApi, Link, Outlet } from '@tanstack/react-router';
import { CodeXml, Search } from 'lucide-react';
import { useEffect, useState } from 'react';
import { Provider } from 'urql';
import { useNewest } from '../api/newest';
import logo from '../davit.svg';
import { Account } from '../shell/account';
import { Behind } from '../shell/behind';
import { ConnectionState } from '../shell/connection';
import { Crumbs } from '../shell/crumbs';
import { Palette } from '../shell/palette';
import { Button } from '../ui/button';

const route = getRouteApi('/shell');
const apple = navigator.userAgent.includes('Mac');

// Shell is around every page for who is signed in.
export function Shell() {
  const { client, viewer, workspace } = route.useRouteContext();
  useNewest(workspace.id);
  const [palette, setPalette] = useState(false);
  const [behind, setBehind] = useState(false);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== 'k' || !(event.metaKey || event.ctrlKey)) return;
      event.preventDefault();
      setPalette((open) => !open);
    };
    window.addEventListener('keydown', onKey);
    return () => { window.removeEventListener('keydown', onKey); };
  }, []);
  return (
    <Provider value={client}>
      <a href="#main" className="sr-only focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-50 focus:rounded-md focus:bg-raised focus:px-3 focus:py-2">
        To the content
      </a>
      <header className="sticky top-0 z-30 border-b border-line bg-canvas/85 backdrop-blur-md">
        <div className="mx-auto flex h-14 max-w-[76rem] items-center gap-2 px-4 sm:px-6">
          <Link to="/" aria-label="Davit: all projects" className="flex shrink-0 items-center gap-2 rounded-md">
            <img src={logo} alt="" className="size-6" />
          </Link>
          <Crumbs workspace={workspace.name} />
          <button
            type="button"
            onClick={() => { setPalette(true); }}
            aria-keyshortcuts="Control+K Meta+K"
            className="flex h-8 items-center gap-2 rounded-md border border-line-strong bg-surface px-2.5 text-[13px] text-faint transition-colors hover:border-idle hover:text-muted"
          >
            <Search aria-hidden className="size-3.5" />
            <span className="sr-only md:not-sr-only">Go to…</span>
            <kbd aria-hidden className="hidden rounded-sm border border-line bg-sunken px-1 font-sans text-[11px] md:inline">{apple ? '⌘K' : 'Ctrl K'}</kbd>
          </button>
          <Button tone="quiet" size="icon" title="The API behind this page" aria-label="The API behind this page" className="hidden sm:flex" onClick={() => { setBehind(true); }}>
            <CodeXml aria-hidden />
          </Button>
          <ConnectionState />
          <Account viewer={viewer} />
        </div>
      </header>
      <Outlet />
      {behind && <Behind onClose={() => { setBehind(false); }} />}
      {palette && <Palette onClose={() => { setPalette(false); }} />}
    </Provider>
  );
}
