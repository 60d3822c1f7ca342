import { Link } from '@tanstack/react-router';
import { Compass } from 'lucide-react';
import { buttonClass } from '../ui/button';
import { Empty } from '../ui/empty';
import { Title } from '../ui/title';

type Props = { project: { slug: string; name: string }; environment: string };

// NoEnvironment stands for what an address says of an environment that is not
// there: what one does must not reach another one instead.
export const NoEnvironment = ({ project, environment }: Props) => (
  <main className="mx-auto w-full max-w-2xl px-4 py-20">
    <Title>Not found</Title>
    <Empty
      heading="h1"
      icon={<Compass />}
      title={`There is no environment ${environment} here`}
      action={
        <Link to="/projects/$project" params={{ project: project.slug }} search={{}} className={buttonClass('primary')}>
          Open {project.name}
        </Link>
      }
    >
      It may have been deleted, or its name in the address is mistyped.
    </Empty>
  </main>
);
