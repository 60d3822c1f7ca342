import { Link } from '@tanstack/react-router';
import { colorClass } from '../environment/color';
import { cx } from '../ui/cx';
import { tab, tabBar } from '../ui/tabs';

type Environment = { id: string; slug: string; name: string; color: string | null };

// Environments leads from one environment of a project to another.
export const Environments = ({ project, all, current }: { project: string; all: Environment[]; current: string | undefined }) => (
  <nav aria-label="Environments" className={`${tabBar} mb-6`}>
    {all.map((e) => (
      <Link
        key={e.id}
        to="/projects/$project"
        params={{ project }}
        search={{ env: e.slug }}
        aria-current={e.id === current ? 'page' : undefined}
        activeProps={{}}
        className={tab}
      >
        {e.color && <span aria-hidden className={cx('size-2 rounded-full bg-current', colorClass(e.color))} />}
        {e.name}
      </Link>
    ))}
  </nav>
);
