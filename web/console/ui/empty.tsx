import type { ReactNode } from 'react';

type Props = { heading?: 'h1' | 'h2'; icon?: ReactNode; title: string; children?: ReactNode; action?: ReactNode };

// Empty stands where nothing is yet, and says how something comes there.
export const Empty = ({ heading: Heading = 'h2', icon, title, children, action }: Props) => (
  <div className="flex flex-col items-center rounded-xl border border-dashed border-line-strong px-6 py-14 text-center">
    {icon && (
      <div aria-hidden className="mb-4 grid size-11 place-items-center rounded-lg border border-line bg-surface text-muted shadow-card [&_svg]:size-5">
        {icon}
      </div>
    )}
    <Heading className="text-base font-semibold">{title}</Heading>
    {children && <div className="mt-1.5 max-w-md text-muted">{children}</div>}
    {action && <div className="mt-5 flex flex-wrap justify-center gap-2">{action}</div>}
  </div>
);
