import type { CombinedError } from '@urql/core';
import { useEffect, useEffectEvent, useState } from 'react';
import { useClient } from 'urql';
import type { Draft } from './draft';
import { lookQuery, type RepositoryData } from './operations';

export type Asked = Pick<Draft, 'repository' | 'username' | 'token' | 'ref' | 'root'>;

// useLook looks into a repository. What is asked while a look is under way takes
// its place: the answer that counts is of what was asked last.
export function useLook(onFound: (repository: RepositoryData) => void) {
  const client = useClient();
  const [asked, setAsked] = useState<Asked>();
  const [answer, setAnswer] = useState<{ to: Asked; error: CombinedError | undefined }>();
  const [repository, setRepository] = useState<RepositoryData>();
  const found = useEffectEvent(onFound);

  useEffect(() => {
    if (!asked) return;
    const { repository: url, username, token, ref, root } = asked;
    const variables = { url: url.trim(), credential: token ? { token, username: username.trim() || null } : null, ref: ref || null, root: root || null };
    const look = client.query(lookQuery, variables, { requestPolicy: 'network-only' }).subscribe(({ data, error, stale }) => {
      if (stale) return;
      // one that cannot be pulled says why itself, and its detection fails by the same
      setAnswer({ to: asked, error: data && !data.repository.canPull ? undefined : error });
      if (!data) return;
      setRepository(data.repository);
      found(data.repository);
    });
    return () => { look.unsubscribe(); };
  }, [client, asked]);

  const current = asked && answer?.to === asked ? answer : undefined;
  return {
    repository,
    busy: asked !== undefined && !current,
    problem: current?.error,
    ask: ({ repository: url, username, token, ref, root }: Asked) => { setAsked({ repository: url, username, token, ref, root }); },
    // forget ends a look that is under way, and what was found.
    forget: () => {
      setAsked(undefined);
      setRepository(undefined);
    },
  };
}
