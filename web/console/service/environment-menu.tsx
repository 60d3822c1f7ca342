import { useNavigate } from '@tanstack/react-router';
import { ChevronDown } from 'lucide-react';
import { Button } from '../ui/button';
import { Menu, MenuChoice } from '../ui/menu';
import { useService } from './context';

// EnvironmentMenu leads to the same service in another environment.
export function EnvironmentMenu() {
  const { service, instance } = useService();
  const navigate = useNavigate();
  if (service.instances.length < 2) return null;
  return (
    <Menu
      label="Environment"
      trigger={
        <Button aria-label={`Environment: ${instance.environment.name}`}>
          {instance.environment.name} <ChevronDown aria-hidden />
        </Button>
      }
    >
      <MenuChoice
        value={instance.environment.slug}
        onChoose={(env) => void navigate({ to: '.', search: { env } })}
        choices={service.instances.map((i) => [i.environment.slug, i.environment.name])}
      />
    </Menu>
  );
}
