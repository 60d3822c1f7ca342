const steps: [number, Intl.RelativeTimeFormatUnit][] = [
  [60, 'second'],
  [60, 'minute'],
  [24, 'hour'],
  [30, 'day'],
  [12, 'month'],
  [Infinity, 'year'],
];

const format = new Intl.RelativeTimeFormat('en', { numeric: 'always', style: 'narrow' });

// relatively says how long ago an instant was, both in milliseconds.
export function relatively(then: number, now: number): string {
  let amount = (then - now) / 1000;
  if (Math.abs(amount) < 5) return 'just now';
  for (const [size, unit] of steps) {
    if (Math.abs(amount) < size) return format.format(Math.trunc(amount), unit);
    amount /= size;
  }
  return '';
}

// exactly is an instant in the reader's time zone, which it names.
export const exactly = (date: Date) =>
  date.toLocaleString('en-GB', { dateStyle: 'full', timeStyle: 'long', timeZone: undefined });

// stopwatch says how long something took: 340 ms, 4.2 s, 1 m 05 s. While it runs
// it shows whole seconds.
export function stopwatch(ms: number, running = false): string {
  if (ms < 1000 && !running) return `${Math.max(0, Math.round(ms))} ms`;
  const s = ms / 1000;
  if (s < 60) return running ? `${Math.floor(s)} s` : `${s < 10 ? s.toFixed(1) : Math.round(s)} s`;
  const minutes = Math.floor(s / 60);
  const pad = (n: number) => String(Math.floor(n)).padStart(2, '0');
  if (minutes < 60) return `${minutes} m ${pad(s % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} m`;
}
