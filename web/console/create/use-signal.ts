import { useEffect, useRef } from 'react';

// useSignal gives each attempt of a component a signal, which ends with the next
// attempt, and when the component is gone.
export function useSignal() {
  const current = useRef<AbortController>(undefined);
  useEffect(() => () => { current.current?.abort(); }, []);
  return () => {
    current.current?.abort();
    current.current = new AbortController();
    return current.current.signal;
  };
}
