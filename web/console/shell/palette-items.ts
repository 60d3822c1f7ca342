import { useNavigate } from '@tanstack/react-router';
import { useMemo } from 'react';
import { chooseTheme } from '../theme';
import { useEverything } from './everything';
import { useSignOut } from './sign-out';

export type Item = { id: string; text: string; detail: string; run: () => void };

// useItems are what the palette leads to: pages, and what one does anywhere. More
// may come.
export function useItems(): { items: Item[]; more: boolean } {
  const navigate = useNavigate();
  const signOut = useSignOut();
  const { projects, more } = useEverything();
  const items = useMemo(() => {
    const items: Item[] = [];
    for (const p of projects) {
      items.push({ id: p.id, text: p.name, detail: 'Project', run: () => void navigate({ to: '/projects/$project', params: { project: p.slug } }) });
      for (const s of p.services) {
        const params = { project: p.slug, service: s.slug };
        items.push(
          { id: s.id, text: s.name, detail: `Service of ${p.name}`, run: () => void navigate({ to: '/projects/$project/$service', params }) },
          { id: `${s.id} logs`, text: `${s.name}: logs`, detail: p.name, run: () => void navigate({ to: '/projects/$project/$service/logs', params }) },
          { id: `${s.id} vars`, text: `${s.name}: variables`, detail: p.name, run: () => void navigate({ to: '/projects/$project/$service/variables', params }) },
        );
      }
    }
    items.push(
      { id: 'projects', text: 'All projects', detail: 'Page', run: () => void navigate({ to: '/' }) },
      { id: 'new', text: 'New project', detail: 'Do', run: () => void navigate({ to: '/', search: { new: true } }) },
      { id: 'platform', text: 'Platform', detail: 'Page', run: () => void navigate({ to: '/platform' }) },
      { id: 'registries', text: 'Registries', detail: 'Page', run: () => void navigate({ to: '/registries' }) },
      { id: 'graphiql', text: 'API explorer', detail: 'Page', run: () => { window.location.assign('/graphiql'); } },
      { id: 'light', text: 'Light theme', detail: 'Do', run: () => { chooseTheme('light'); } },
      { id: 'dark', text: 'Dark theme', detail: 'Do', run: () => { chooseTheme('dark'); } },
      { id: 'system', text: 'Theme as the system', detail: 'Do', run: () => { chooseTheme('system'); } },
      { id: 'out', text: 'Sign out', detail: 'Do', run: () => void signOut() },
    );
    return items;
  }, [projects, navigate, signOut]);
  return { items, more };
}
