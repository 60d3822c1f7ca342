// What is wrong with settings as they are typed, before they are sent.
import { split } from '../shell/copy-text';
import { parseEnv } from '../variable/env-file';
import type { TextKey, Texts, Values } from './values';

const whole = (text: string, least: number, most: number) => text.trim() === '' || (/^\d+$/.test(text.trim()) && Number(text) >= least && Number(text) <= most);
const amount = (text: string) => text.trim() === '' || (Number(text) > 0 && Number.isFinite(Number(text)));

const port = 'A port is a number from 1 to 65535.';
const above = 'A number above 0.';
const quote = 'A quote is not closed.';

const rules: [TextKey, (v: Texts) => boolean, string][] = [
  ['name', (v) => v.name.trim() !== '', 'A name must not be empty.'],
  ['port', (v) => whole(v.port, 1, 65535), port],
  ['checkPort', (v) => whole(v.checkPort, 1, 65535), port],
  ['threshold', (v) => whole(v.threshold, 1, 100), 'A number from 1 to 100.'],
  ['retries', (v) => whole(v.retries, 0, 1000), 'A number from 0 to 1000.'],
  ['cpu', (v) => amount(v.cpu), above],
  ['memory', (v) => amount(v.memory), above],
  ['startPeriod', (v) => amount(v.startPeriod), above],
  ['interval', (v) => amount(v.interval), above],
  ['timeout', (v) => amount(v.timeout), above],
  ['drain', (v) => v.drain.trim() === '' || Number(v.drain) >= 0, 'A number of seconds.'],
  ['preDeploy', (v) => v.release !== 'own' || split(v.preDeploy) !== null, quote],
  ['preDeploy', (v) => v.release !== 'own' || v.preDeploy.trim() !== '', 'Say which command.'],
  ['checkCommand', (v) => v.check !== 'COMMAND' || split(v.checkCommand) !== null, quote],
  ['checkCommand', (v) => v.check !== 'COMMAND' || v.checkCommand.trim() !== '', 'Say which command.'],
];

// problemsOf are what is wrong, by setting.
export function problemsOf(values: Values): Partial<Record<TextKey, string>> {
  const out: Partial<Record<TextKey, string>> = {};
  for (const [key, fine, text] of rules) if (!fine(values)) out[key] ??= text;
  const args = parseEnv(values.buildArgs).problem;
  return args ? { ...out, buildArgs: args } : out;
}

// processProblem is what is wrong with a process among all, null if nothing is.
export function processProblem(values: Values, at: number): string | null {
  const p = values.processes[at];
  if (!p) return null;
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/.test(p.name)) return 'Its name has letters, digits, dashes and underscores.';
  if (p.name === 'web') return 'web is the service itself: its command is the start command.';
  if (values.processes.findIndex((other) => other.name === p.name) !== at) return 'There is another of this name.';
  if (!p.command.trim()) return 'Say what it runs.';
  if (split(p.command) === null) return quote;
  if (p.replicas.trim() === '' || !whole(p.replicas, 0, 50)) return 'Between 0 and 50 replicas.';
  return null;
}

// fileProblem is what is wrong with a config file among all, null if nothing is.
export function fileProblem(values: Values, at: number): string | null {
  const f = values.files[at];
  if (!f) return null;
  if (!/^\/[^/]/.test(f.path) || f.path.split('/').slice(1).some((part) => ['', '.', '..'].includes(part))) return 'A path is absolute and clean, such as /etc/app.conf.';
  if (values.files.findIndex((other) => other.path === f.path) !== at) return 'There is another of this path.';
  if (!/^[0-7]{3,4}$/.test(f.mode)) return 'A mode has three octal digits, such as 644.';
  if (f.content !== null && new TextEncoder().encode(f.content).length > 65_536) return 'A config file has at most 64 KiB.';
  return null;
}

// isFine tells whether all of it may be sent.
export const isFine = (values: Values) =>
  Object.keys(problemsOf(values)).length === 0 &&
  values.processes.every((_, i) => processProblem(values, i) === null) &&
  values.files.every((_, i) => fileProblem(values, i) === null);
