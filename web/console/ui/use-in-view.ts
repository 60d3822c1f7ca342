import { useEffect, useState, type RefObject } from 'react';

const near = '600px'; // from what is seen

// useInView tells whether an element is in sight, or near it.
export function useInView(element: RefObject<Element | null>): boolean {
  const [inView, setInView] = useState(false);
  useEffect(() => {
    if (!element.current) return;
    const observer = new IntersectionObserver((entries) => { setInView(entries.at(-1)?.isIntersecting ?? false); }, { rootMargin: near });
    observer.observe(element.current);
    return () => { observer.disconnect(); };
  }, [element]);
  return inView;
}
