import type { AnyVariables, CombinedError, TypedDocumentNode } from '@urql/core';
import { useState } from 'react';
import { useMutation } from 'urql';
import { toast } from '../ui/toast';
import { requestId, sentence } from './fault';

// sayProblem tells of an error on whichever page is open.
export function sayProblem(title: string, error: CombinedError) {
  const id = requestId(error);
  toast({ tone: 'bad', title, description: id ? `${sentence(error)} (request ${id})` : sentence(error) });
}

// useAct returns what runs a mutation, and whether it runs. It answers undefined
// where that failed, which it told already.
export function useAct<Data, Variables extends AnyVariables>(document: TypedDocumentNode<Data, Variables>, failed: string) {
  const [{ fetching }, execute] = useMutation(document);
  const run = async (variables: Variables): Promise<Data | undefined> => {
    const { data, error } = await execute(variables);
    if (error) sayProblem(failed, error);
    return error ? undefined : data;
  };
  return [run, fetching] as const;
}

// useForm is useAct for a form, which shows the error where it arose.
export function useForm<Data, Variables extends AnyVariables>(document: TypedDocumentNode<Data, Variables>) {
  const [{ fetching }, execute] = useMutation(document);
  const [problem, setProblem] = useState<CombinedError>();
  const run = async (variables: Variables): Promise<Data | undefined> => {
    setProblem(undefined);
    const { data, error } = await execute(variables);
    setProblem(error);
    return error ? undefined : data;
  };
  return { run, busy: fetching, problem, clear: () => { setProblem(undefined); } };
}
