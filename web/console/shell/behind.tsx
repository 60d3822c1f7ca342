import { useState } from 'react';
import { useAsked, type Asked } from '../api/behind';
import { Badge } from '../ui/badge';
import { buttonClass } from '../ui/button';
import { Copy } from '../ui/copy';
import { cx } from '../ui/cx';
import { Dialog } from '../ui/dialog';
import { cliOf, curlOf, graphqlOf } from './behind-text';

type Form = 'GraphQL' | 'curl' | 'CLI';

const textOf = (asked: Asked, form: Form) => {
  if (form === 'GraphQL') return graphqlOf(asked);
  return form === 'curl' ? curlOf(asked, location.origin) : cliOf(asked);
};

// Behind shows what the open page asks the API, to copy.
export function Behind({ onClose }: { onClose: () => void }) {
  const now = useAsked();
  // what the page asked when this was opened, queries first, and not who asks
  const [all] = useState(() => now.filter((a) => a.name !== 'WhoAsks').sort((a, b) => Number(a.kind === 'subscription') - Number(b.kind === 'subscription')));
  const [at, setAt] = useState(0);
  const [form, setForm] = useState<Form>('GraphQL');
  const asked = all[at];
  const forms = asked ? (['GraphQL', 'curl', 'CLI'] as const).filter((f) => textOf(asked, f) !== null) : [];
  const chosen = forms.includes(form) ? form : 'GraphQL';
  const text = asked ? (textOf(asked, chosen) ?? '') : '';
  return (
    <Dialog
      wide
      onClose={onClose}
      title="The API behind this page"
      description="The console has no other way in: what it shows, your programs can ask."
      actions={<a href="/graphiql" className={buttonClass('plain')}>Open the API explorer</a>}
    >
      {!asked ? (
        <p className="text-muted">This page asks for nothing at the moment.</p>
      ) : (
        <>
          <div role="group" aria-label="Operations" className="flex flex-wrap gap-1.5">
            {all.map((a, i) => (
              <button
                key={a.key}
                type="button"
                aria-pressed={i === at}
                onClick={() => { setAt(i); }}
                className={cx('flex items-center gap-2 rounded-md border px-2 py-1 text-[13px]', i === at ? 'border-accent bg-accent/8' : 'border-line hover:bg-hover')}
              >
                <code className="font-mono">{a.name}</code>
                <Badge tone={a.kind === 'subscription' ? 'good' : 'idle'}>{a.kind === 'subscription' ? 'live' : 'query'}</Badge>
              </button>
            ))}
          </div>
          <div className="overflow-hidden rounded-lg border border-line bg-sunken">
            <div className="flex items-center gap-1 border-b border-line px-2 py-1">
              {forms.map((f) => (
                <button
                  key={f}
                  type="button"
                  aria-pressed={f === chosen}
                  onClick={() => { setForm(f); }}
                  className={cx('rounded-md px-2 py-1 text-[13px] font-medium', f === chosen ? 'bg-raised text-text' : 'text-muted hover:text-text')}
                >
                  {f}
                </button>
              ))}
              <Copy text={text} label={`Copy as ${chosen}`} className="ml-auto" />
            </div>
            <pre tabIndex={0} aria-label={`${asked.name} as ${chosen}`} className="max-h-80 overflow-auto p-3 font-mono text-[13px] whitespace-pre">{text}</pre>
          </div>
        </>
      )}
    </Dialog>
  );
}
