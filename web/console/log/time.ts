// Instants with nanoseconds, which Date would round.

// compareTimes orders RFC 3339 times in UTC, however many digits their fractions have.
export function compareTimes(a: string, b: string): number {
  const left = sortable(a);
  const right = sortable(b);
  return left < right ? -1 : left > right ? 1 : 0;
}

const sortable = (time: string) => time.slice(0, 19) + time.slice(20, -1).padEnd(9, '0');

const padded = (n: number, digits: number) => String(n).padStart(digits, '0');
const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'long' });

// localTime is a time of day as the reader's clock shows it, with milliseconds.
// It is asked for each line, for which Intl is too slow.
export function localTime(time: string): string {
  const date = new Date(time);
  return `${padded(date.getHours(), 2)}:${padded(date.getMinutes(), 2)}:${padded(date.getSeconds(), 2)}.${padded(date.getMilliseconds(), 3)}`;
}

// exactTime is a time in full: for the reader, and as it was recorded.
export const exactTime = (time: string) => `${day.format(new Date(time))} · ${time}`;

// toLocalInput and fromLocalInput are the two ways of <input type="datetime-local">.
export function toLocalInput(time: string): string {
  const date = new Date(time);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

export function fromLocalInput(value: FormDataEntryValue | null): string | null {
  const date = new Date(typeof value === 'string' ? value : '');
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}
