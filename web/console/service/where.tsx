import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useService } from './context';

// DeploymentLink leads to a deployment of the service one looks at.
export function DeploymentLink({ id, className, children }: { id: string; className?: string; children: ReactNode }) {
  const { service, instance } = useService();
  return (
    <Link
      to="/projects/$project/$service/deployments/$deployment"
      params={{ project: service.project.slug, service: service.slug, deployment: id }}
      search={{ env: instance.environment.slug }}
      className={className}
    >
      {children}
    </Link>
  );
}
