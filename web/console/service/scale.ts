// Share is how many replicas of a process run, or are wanted.
export type Share = { process: string; replicas: number; least: number };

type Instance = { settings: { replicas: number }; replicas: readonly { process: string | null; status: string }[] };

// counted are the processes of an instance: the service itself, those of its
// settings, and those that only its image names.
export function counted(instance: Instance, processes: readonly { name: string; replicas: number }[]): Share[] {
  const out: Share[] = [{ process: 'web', replicas: instance.settings.replicas, least: 1 }];
  for (const p of processes) out.push({ process: p.name, replicas: p.replicas, least: 0 });
  for (const { process, status } of instance.replicas) {
    if (process === null || status === 'REMOVED' || processes.some((p) => p.name === process)) continue;
    const known = out.find((s) => s.process === process);
    if (known) known.replicas++;
    else out.push({ process, replicas: 1, least: 0 });
  }
  return out;
}

// wished are the processes of which another number is typed, null where one is
// no number that can be had.
export function wished(shares: readonly Share[], typed: Record<string, string>): { process: string; replicas: number }[] | null {
  const out: { process: string; replicas: number }[] = [];
  for (const { process, replicas, least } of shares) {
    const text = typed[process];
    if (text === undefined) continue;
    const n = Number(text);
    if (text.trim() === '' || !Number.isInteger(n) || n < least || n > 50) return null;
    if (n !== replicas) out.push({ process, replicas: n });
  }
  return out;
}
