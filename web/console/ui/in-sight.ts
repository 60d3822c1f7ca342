import { useEffect, useRef, useState, type RefObject } from 'react';

// useInSight returns the ref for an element, and whether that is on the screen, or near it.
export function useInSight<E extends Element>(): [RefObject<E | null>, boolean] {
  const ref = useRef<E>(null);
  const [inSight, setInSight] = useState(false);
  useEffect(() => {
    if (!ref.current) return;
    const observer = new IntersectionObserver((seen) => { setInSight(seen.at(-1)?.isIntersecting === true); }, { rootMargin: '200px' });
    observer.observe(ref.current);
    return () => { observer.disconnect(); };
  }, []);
  return [ref, inSight];
}
