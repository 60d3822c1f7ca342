import type { ReactNode } from 'react';
import { cx } from './cx';

export const cardClass = 'rounded-xl border border-line bg-surface shadow-card';

type Props = { title?: ReactNode; hint?: ReactNode; action?: ReactNode; className?: string; flush?: boolean; children?: ReactNode };

// Card is a part of a page with a frame and, mostly, a heading.
export const Card = ({ title, hint, action, className, flush, children }: Props) => (
  <section className={cx(cardClass, 'min-w-0', className)}>
    {title && (
      <header className="flex min-h-12 flex-wrap items-center gap-x-3 gap-y-2 border-b border-line px-4 py-2.5">
        <div className="min-w-0 flex-1">
          <h2 className="font-semibold">{title}</h2>
          {hint && <p className="text-[13px] text-muted">{hint}</p>}
        </div>
        {action}
      </header>
    )}
    <div className={flush ? '' : 'p-4'}>{children}</div>
  </section>
);
