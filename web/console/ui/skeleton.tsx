import { cx } from './cx';

// Skeleton keeps the room of what is on its way.
export const Skeleton = ({ className }: { className?: string }) => (
  <div aria-hidden className={cx('animate-skeleton rounded-md bg-hover', className)} />
);

export const Waiting = ({ rows = 3, height = 'h-20' }: { rows?: number; height?: string }) => (
  <div role="status" aria-label="Loading" className="flex flex-col gap-3">
    {Array.from({ length: rows }, (_, i) => (
      <Skeleton key={i} className={height} />
    ))}
  </div>
);
