// Which part of a log is drawn: what one sees, and a little more, so that nothing
// is missing while the next rows are drawn.

import { useCallback, useEffect, useState } from 'react';
import { rowHeight } from './entries';

const stepHeight = 10 * rowHeight;
const margin = 12 * rowHeight;
const rest = 60; // milliseconds after which one no longer hurries

interface Spot {
  step: number; // where one has scrolled to
  hurried: boolean; // farther than one can see at once: only what is in sight is drawn
}

// useSight returns what is drawn, from one pixel to another, and what is told where
// one has scrolled to. Rows that came before, so many pixels, change neither.
export function useSight(height: number, before: number, end: number | null) {
  const [spot, setSpot] = useState<Spot>({ step: 0, hurried: false });
  const moved = useCallback((to: number, by: number) => {
    const step = Math.floor(to / stepHeight);
    const hurried = Math.abs(by) > height;
    setSpot((known) => (known.step === step && known.hurried === hurried ? known : { step, hurried }));
  }, [height]);

  useEffect(() => {
    if (!spot.hurried) return;
    const rested = setTimeout(() => {
      setSpot((known) => (known === spot ? { ...spot, hurried: false } : known)); // one may have moved on, and it is not drawn yet
    }, rest);
    return () => { clearTimeout(rested); };
  }, [spot]);

  const more = spot.hurried ? 0 : margin;
  const start = before + spot.step * stepHeight;
  const sight: [number, number] = end === null ? [start - more, start + stepHeight + height + more] : [end - height - stepHeight, end];
  return { sight, hurried: spot.hurried && end === null, moved };
}
