import { useState } from 'react';

// useKept is what was last found at a place. An answer that failed and lacks it
// does not take it away, nor does what is not sure yet.
export function useKept<T>(place: string, found: T | null | undefined, doubtful: boolean): T | null | undefined {
  const [kept, setKept] = useState({ place, found });
  const now = found || !doubtful || kept.place !== place ? found : kept.found;
  if (kept.place !== place || kept.found !== now) setKept({ place, found: now });
  return now;
}
