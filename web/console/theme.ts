import { useSyncExternalStore } from 'react';

export type Theme = 'system' | 'light' | 'dark';

const key = 'davit:theme';
const watchers = new Set<() => void>();

const read = (): Theme => {
  const kept = localStorage.getItem(key);
  return kept === 'light' || kept === 'dark' ? kept : 'system';
};

function apply(theme: Theme) {
  if (theme === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

// chooseTheme shows a theme from now on, in this browser.
export function chooseTheme(theme: Theme) {
  if (theme === 'system') localStorage.removeItem(key);
  else localStorage.setItem(key, theme);
  apply(theme);
  for (const watcher of watchers) watcher();
}

export function startTheme() {
  apply(read());
  window.addEventListener('storage', (event) => {
    if (event.key !== key) return;
    apply(read());
    for (const watcher of watchers) watcher();
  });
}

export const useTheme = () =>
  useSyncExternalStore((watcher) => {
    watchers.add(watcher);
    return () => watchers.delete(watcher);
  }, read);
