// A server that cannot answer at this moment, because its database is away, ends
// a subscription though the line stands. What is watched would stay as it was.
import { backoff } from './socket';

type Sink<T> = { next: (value: T) => void; error: (error: unknown) => void; complete: () => void };

const retryable = (error: unknown) =>
  Array.isArray(error) && error.length > 0 && error.every((e: { extensions?: { retryable?: unknown } }) => e.extensions?.retryable === true);

// again subscribes, and anew after a while each time that ends with errors that
// are worth another try. It returns what ends it.
export function again<T>(subscribe: (sink: Sink<T>) => () => void, sink: Sink<T>) {
  let attempt = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const begin = () =>
    subscribe({
      ...sink,
      next: (value) => {
        attempt = 0;
        sink.next(value);
      },
      error: (error) => {
        if (!retryable(error)) {
          sink.error(error);
          return;
        }
        timer = setTimeout(() => {
          end = begin();
        }, backoff(attempt++));
      },
    });
  let end = begin();
  return () => {
    clearTimeout(timer);
    end();
  };
}
