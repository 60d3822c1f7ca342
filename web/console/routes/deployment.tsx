import { getRouteApi } from '@tanstack/react-router';
import { DeploymentPage } from '../deployment';

const route = getRouteApi('/shell/projects/$project/$service/deployments/$deployment');

// Deployment is the page of one deployment.
export function Deployment() {
  const { project, service, deployment } = route.useParams();
  const { env, ...view } = route.useSearch();
  const navigate = route.useNavigate();
  const params = { project, service };
  return (
    <main id="main" tabIndex={-1} className="mx-auto w-full max-w-[76rem] px-4 py-7 outline-none sm:px-6">
      <DeploymentPage
        key={deployment}
        id={deployment}
        view={view}
        onView={(next) => void navigate({ search: { ...next, ...(env && { env }) }, replace: true })}
        onGo={(place, from) => {
          const search = { env: from.environment.slug };
          if (place === 'service') void navigate({ to: '/projects/$project/$service', params, search });
          else if (place === 'settings') void navigate({ to: '/projects/$project/$service/settings', params, search });
          else if (place === 'variables') void navigate({ to: '/projects/$project/$service/variables', params, search });
          else void navigate({ to: '/projects/$project/$service/deployments/$deployment', params: { ...params, deployment: place.deployment }, search });
        }}
      />
    </main>
  );
}
