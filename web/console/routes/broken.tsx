import { useRouter, type ErrorComponentProps } from '@tanstack/react-router';
import { Problem } from '../ui/problem';
import { Title } from '../ui/title';

// Broken stands for a page that could not be shown.
export function Broken({ error, reset }: ErrorComponentProps) {
  const router = useRouter();
  return (
    <main className="mx-auto w-full max-w-2xl px-4 py-20">
      <Title>A problem</Title>
      <Problem
        error={error instanceof Error ? error : new Error('Something broke in this page.')}
        onRetry={() => {
          reset();
          void router.invalidate();
        }}
      />
    </main>
  );
}
