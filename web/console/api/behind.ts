// What a view asks the API at this moment, to show it to who would ask the same.
import { mapExchange, stringifyDocument, type Operation } from '@urql/core';
import { useSyncExternalStore } from 'react';

export type Asked = { key: number; kind: 'query' | 'subscription'; name: string; document: string; variables: Record<string, unknown> };

let asked: readonly Asked[] = [];
const watchers = new Set<() => void>();

function become(next: readonly Asked[]) {
  asked = next;
  for (const watcher of watchers) watcher();
}

const named = /(?:query|subscription)\s+(\w+)/;

// A token that opens a repository is a variable, and not to be shown.
const open = ({ variables }: Operation) =>
  Object.fromEntries(Object.entries((variables ?? {}) as Record<string, unknown>).filter(([name]) => name !== 'credential'));

export const behindExchange = mapExchange({
  onOperation(operation) {
    const rest = asked.filter((a) => a.key !== operation.key);
    if (operation.kind === 'teardown') become(rest);
    if (operation.kind !== 'query' && operation.kind !== 'subscription') return;
    const document = stringifyDocument(operation.query).trim();
    become([...rest, { key: operation.key, kind: operation.kind, name: named.exec(document)?.[1] ?? '', document, variables: open(operation) }]);
  },
});

export const useAsked = () =>
  useSyncExternalStore((watcher) => {
    watchers.add(watcher);
    return () => watchers.delete(watcher);
  }, () => asked);
