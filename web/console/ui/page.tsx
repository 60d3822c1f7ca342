import type { ReactNode } from 'react';
import { Title } from './title';

type Props = { title: string; heading?: ReactNode; hint?: ReactNode; actions?: ReactNode; tabs?: ReactNode; children: ReactNode };

// Page is what is below the header: a heading with what one can do, and a body.
export const Page = ({ title, heading, hint, actions, tabs, children }: Props) => (
  <main id="main" tabIndex={-1} className="mx-auto w-full max-w-[76rem] px-4 py-7 outline-none sm:px-6">
    <Title>{title}</Title>
    <div className="mb-6 flex flex-wrap items-start gap-x-4 gap-y-3">
      <div className="min-w-0 flex-1 basis-56">
        <h1 className="flex min-w-0 items-center gap-3 text-xl font-semibold tracking-tight wrap-anywhere">{heading ?? title}</h1>
        {hint && <div className="mt-1 text-muted">{hint}</div>}
      </div>
      {actions && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
    </div>
    {tabs}
    {children}
  </main>
);
