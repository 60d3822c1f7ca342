const units = ['B', 'KB', 'MB', 'GB', 'TB'];

// bytes says a size for a person, in thousands.
export function bytes(n: number): string {
  let unit = 0;
  while (n >= 1000 && unit < units.length - 1) {
    n /= 1000;
    unit++;
  }
  return `${unit === 0 || n >= 10 ? Math.round(n) : n.toFixed(1)} ${units[unit] ?? ''}`;
}
