import { Link } from '@tanstack/react-router';
import { Compass } from 'lucide-react';
import { buttonClass } from '../ui/button';
import { Empty } from '../ui/empty';
import { Title } from '../ui/title';

// NotFound stands for what is not there, or is not for the reader to see.
export function NotFound() {
  return (
    <main className="mx-auto w-full max-w-2xl px-4 py-20">
      <Title>Not found</Title>
      <Empty
        heading="h1"
        icon={<Compass />}
        title="There is nothing here"
        action={
          <Link to="/" className={buttonClass('primary')}>
            All projects
          </Link>
        }
      >
        It may have been deleted or renamed, or you may not be allowed to see it.
      </Empty>
    </main>
  );
}
