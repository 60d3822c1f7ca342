import { useCallback } from 'react';
import { useClient } from 'urql';
import { toast } from '../ui/toast';
import { graphql } from './graphql';

const operationUpdated = graphql(`
  subscription OperationUpdated($id: ID!) {
    operationUpdated(id: $id) {
      id
      status
      message
      error {
        message
      }
    }
  }
`);

// useFollow returns what tells, on whichever page is open, how an operation ends.
export function useFollow() {
  const client = useClient();
  return useCallback(
    (id: string, done: string, failed: string) => {
      const watch = client.subscription(operationUpdated, { id }).subscribe(({ data }) => {
        const operation = data?.operationUpdated;
        if (!operation || operation.status === 'QUEUED' || operation.status === 'RUNNING') return;
        if (operation.status === 'SUCCEEDED') toast({ tone: 'good', title: done });
        else toast({ tone: 'bad', title: failed, ...(operation.error && { description: operation.error.message }) });
        watch.unsubscribe();
      });
    },
    [client],
  );
}
