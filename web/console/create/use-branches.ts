import type { CombinedError } from '@urql/core';
import { useEffect, useState } from 'react';
import { useClient } from 'urql';
import { branchesQuery } from './operations';
import type { Asked } from './use-look';

const pause = 300; // ms without a key: each asking is counted

type Of = Pick<Asked, 'repository' | 'username' | 'token'>;
type Found = { to: string; names: string[]; total: number; error: CombinedError | undefined };

// useBranches are the branches with what is typed in their name, those that a
// page holds. They are asked for once one pauses; until then the last ones stay.
export function useBranches({ repository, username, token }: Of, typed: string) {
  const client = useClient();
  const [found, setFound] = useState<Found>();
  useEffect(() => {
    if (!typed) return;
    let search: { unsubscribe: () => void } | undefined;
    const timer = setTimeout(() => {
      const variables = { url: repository.trim(), credential: token ? { token, username: username.trim() || null } : null, query: typed };
      search = client.query(branchesQuery, variables, { requestPolicy: 'network-only' }).subscribe(({ data, error, stale }) => {
        if (stale) return;
        const branches = data?.repository.branches;
        setFound({ to: typed, names: branches?.nodes.map((b) => b.name) ?? [], total: branches?.totalCount ?? 0, error });
      });
    }, pause);
    return () => {
      clearTimeout(timer);
      search?.unsubscribe();
    };
  }, [client, repository, username, token, typed]);
  return { found: typed ? found : undefined, busy: typed !== '' && found?.to !== typed };
}
