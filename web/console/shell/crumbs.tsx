import { Link, useParams, useSearch } from '@tanstack/react-router';
import type { ReactNode } from 'react';

const crumb = 'rounded-sm px-1 py-0.5 text-muted hover:text-text aria-[current=page]:text-text truncate min-w-0';

const Slash = () => (
  <span aria-hidden className="shrink-0 text-line-strong select-none">
    /
  </span>
);

const Item = ({ children }: { children: ReactNode }) => (
  <li className="flex min-w-0 items-center gap-1">
    <Slash />
    {children}
  </li>
);

// Crumbs say where one is, and lead back.
export function Crumbs({ workspace }: { workspace: string }) {
  const { project, service } = useParams({ strict: false });
  const { env } = useSearch({ strict: false });
  return (
    <nav aria-label="Where you are" className="min-w-0 flex-1">
      <ol className="flex min-w-0 items-center gap-1 font-medium">
        <li className={project ? 'hidden shrink-0 items-center gap-1 sm:flex' : 'flex items-center gap-1'}>
          <Slash />
          <Link to="/" className={crumb} activeOptions={{ exact: true }}>
            {workspace}
          </Link>
        </li>
        {project && (
          <Item>
            <Link to="/projects/$project" params={{ project }} search={env ? { env } : {}} activeOptions={{ exact: true, includeSearch: false }} className={crumb}>
              {project}
            </Link>
          </Item>
        )}
        {project && service && (
          <Item>
            <Link
              to="/projects/$project/$service"
              params={{ project, service }}
              search={env ? { env } : {}}
              activeOptions={{ exact: true, includeSearch: false }}
              className={crumb}
            >
              {service}
            </Link>
          </Item>
        )}
      </ol>
    </nav>
  );
}
