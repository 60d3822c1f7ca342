import { Link } from '@tanstack/react-router';
import { instanceStatus } from '../api/status';
import { StatusDot } from '../ui/badge';
import { cardClass } from '../ui/card';
import { count } from '../ui/count';
import { cx } from '../ui/cx';
import { Time } from '../ui/time';

type Instance = { id: string; status: string; latestDeployment: { conclusion: string | null } | null; service: { name: string } };
type Project = {
  name: string;
  slug: string;
  description: string | null;
  deleting: boolean;
  updatedAt: string;
  services: { totalCount: number };
  environments: { nodes: { id: string; name: string; instances: Instance[] }[] };
};

const most = 6;

// ProjectCard is a project in the list of all, with how its services are.
export function ProjectCard({ project }: { project: Project }) {
  const instances = project.environments.nodes.flatMap((e) => e.instances);
  const services = project.services.totalCount;
  return (
    <Link
      to="/projects/$project"
      params={{ project: project.slug }}
      className={cx(cardClass, 'group flex min-h-40 flex-col gap-3 p-4 transition-colors hover:border-idle', project.deleting && 'opacity-60')}
    >
      <div className="min-w-0">
        <h2 className="truncate text-[15px] font-semibold group-hover:text-accent-text">{project.name}</h2>
        <p className="truncate text-[13px] text-muted">{project.description ?? project.slug}</p>
      </div>
      <ul className="flex flex-wrap gap-1.5">
        {instances.slice(0, most).map((i) => {
          const [tone, words] = instanceStatus(i);
          return (
            <li key={i.id} title={`${i.service.name}: ${words}`} className="flex h-6 max-w-36 items-center gap-1.5 rounded-full border border-line bg-sunken px-2 text-xs">
              <StatusDot tone={tone} />
              <span className="truncate">{i.service.name}</span>
              <span className="sr-only">: {words}</span>
            </li>
          );
        })}
        {instances.length > most && <li className="flex h-6 items-center px-1 text-xs text-faint">and {instances.length - most} more</li>}
        {instances.length === 0 && <li className="text-[13px] text-faint">No services yet</li>}
      </ul>
      <p className="mt-auto flex justify-between gap-3 text-xs text-faint">
        <span>
          {project.deleting ? 'Being deleted' : count(services, 'service')}
          {project.environments.nodes.length > 1 && ` in ${project.environments.nodes.length} environments`}
        </span>
        <Time at={project.updatedAt} />
      </p>
    </Link>
  );
}
