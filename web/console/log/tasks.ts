// Work under way, by name: what is asked for twice is done once, and all of it
// can be called off.

export class Tasks {
  private readonly running = new Map<string, Promise<void>>();
  private readonly controller = new AbortController();

  run(name: string, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const known = this.running.get(name);
    if (known) return known;
    const task = work(this.controller.signal).finally(() => this.running.delete(name));
    this.running.set(name, task);
    return task;
  }

  wait(name: string): Promise<void> {
    return this.running.get(name) ?? Promise.resolve();
  }

  get aborted(): boolean {
    return this.controller.signal.aborted;
  }

  abort() {
    this.controller.abort();
  }
}

// messageOf is what went wrong, with the id by which the operator finds it in the
// server's log, if the server had a part in it.
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const id = 'requestId' in error && typeof error.requestId === 'string' ? error.requestId : '';
  return id ? `${error.message} (request ${id})` : error.message;
}
