import { getRouteApi } from '@tanstack/react-router';
import { LogViewer } from '../log';
import { refusal } from '../api/can';
import { replicaName } from '../api/status';
import { Empty } from '../ui/empty';
import { ScrollText } from 'lucide-react';
import { useService } from './context';

const route = getRouteApi('/shell/projects/$project/$service/logs');

// Logs are what a service printed in an environment, and what it prints.
export function Logs() {
  const { service, instance } = useService();
  const { env, ...view } = route.useSearch();
  const navigate = route.useNavigate();
  const refused = refusal(service.can, 'READ_LOGS');
  if (refused) return <Empty icon={<ScrollText />} title="These logs are not for you">{refused}</Empty>;
  return (
    <LogViewer
      key={instance.id}
      name={`${service.slug}-${instance.environment.slug}`}
      source={{ serviceInstanceId: instance.id }}
      view={view}
      onView={(next) => void navigate({ to: '.', search: { ...(env && { env }), ...next }, replace: true })}
      replicas={instance.replicas.map((r) => ({ id: r.id, name: replicaName(r) }))}
      className="h-[max(24rem,calc(100vh-15rem))]"
    />
  );
}
