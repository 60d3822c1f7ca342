import { stringifyDocument, type AnyVariables, type TypedDocumentNode } from '@urql/core';
import { useEffect, useState } from 'react';
import { copyText } from '../ui/copy';
import { curlOf, graphqlOf } from './behind-text';
import { withoutSecrets } from './copy-text';

type Props<Data, Variables extends AnyVariables> = {
  document: TypedDocumentNode<Data, Variables>;
  variables: Variables;
  cli?: string | null; // the command of davit that does the same
};

// CopyAs copies what a form is about to ask as GraphQL, for curl, or as a command.
export function CopyAs<Data, Variables extends AnyVariables>({ document, variables, cli }: Props<Data, Variables>) {
  const [copied, setCopied] = useState('');
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => { setCopied(''); }, 1500);
    return () => { clearTimeout(timer); };
  }, [copied]);
  const textOf = (form: string) => {
    if (form === 'CLI') return cli ?? '';
    const open = withoutSecrets(variables) as Record<string, unknown>;
    const asked = { key: 0, kind: 'query' as const, name: '', document: stringifyDocument(document).trim(), variables: open };
    return form === 'GraphQL' ? graphqlOf(asked) : (curlOf(asked, location.origin) ?? '');
  };
  return (
    <p className="flex flex-wrap items-center gap-x-2 text-xs text-faint">
      Copy as
      {['GraphQL', 'curl', ...(cli ? ['CLI'] : [])].map((form) => (
        <button
          key={form}
          type="button"
          aria-label={`Copy as ${form}`}
          className="rounded-sm font-medium text-muted underline decoration-line-strong underline-offset-2 hover:text-text"
          onClick={() => void copyText(textOf(form)).then((done) => { if (done) setCopied(form); })}
        >
          {copied === form ? 'Copied' : form}
        </button>
      ))}
      <span role="status" className="sr-only">{copied && `Copied as ${copied}`}</span>
    </p>
  );
}
