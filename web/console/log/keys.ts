// What the keyboard does in a log.

export type Command =
  | 'down' | 'up' | 'page-down' | 'page-up' | 'first' | 'last'
  | 'find' | 'next' | 'previous' | 'filter' | 'follow' | 'wrap' | 'time'
  | 'open' | 'copy' | 'link' | 'clear' | 'help';

export const help: readonly (readonly [string, string])[] = [
  ['j, ↓ and k, ↑', 'Next line and the one before; with Shift they are selected'],
  ['g and G', 'First line and last line'],
  ['f', 'Follow, or stop following'],
  ['/', 'Find; Enter and Shift+Enter, or n and N, go through what is found'],
  ['s', 'Filter what is shown'],
  ['t', 'Go to a time'],
  ['w', 'Wrap long lines'],
  ['Enter', 'Fields of a line that is JSON, or what is missing in a gap'],
  ['c', 'Copy the line, or what is selected'],
  ['p', 'Copy a link to the line'],
  ['Escape', 'Select nothing'],
];

const commands: Readonly<Record<string, Command>> = {
  j: 'down', ArrowDown: 'down', k: 'up', ArrowUp: 'up', PageDown: 'page-down', PageUp: 'page-up',
  J: 'down', K: 'up', g: 'first', Home: 'first', G: 'last', End: 'last',
  '/': 'find', n: 'next', N: 'previous', s: 'filter', f: 'follow', w: 'wrap', t: 'time',
  Enter: 'open', c: 'copy', p: 'link', Escape: 'clear', '?': 'help',
};

type Key = Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey' | 'target'>;

// commandOf is what a key asks for, null for what belongs to the browser or to a field.
export function commandOf(event: Key): Command | null {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  const { target } = event;
  if (target instanceof HTMLElement && target.closest('input, textarea, select, button, a, dialog, [role=menu]')) return null;
  return commands[event.key] ?? null;
}
