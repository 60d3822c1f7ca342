import { useQuery, useSubscription } from 'urql';
import { graphql } from '../api/graphql';
import { StatusDot } from '../ui/badge';
import { Card } from '../ui/card';
import { Outdated } from '../ui/outdated';
import { Page } from '../ui/page';
import { Problem } from '../ui/problem';
import { Waiting } from '../ui/skeleton';
import { Time } from '../ui/time';

const installation = graphql(`
  fragment Installation on Platform {
    version
    commit
    baseDomain
    components {
      name
      healthy
      latencyMs
      message
      checkedAt
    }
    queues {
      name
      pending
      active
    }
  }
`);

const platformQuery = graphql(
  `
    query Platform {
      platform {
        ...Installation
      }
    }
  `,
  [installation],
);

const platformUpdated = graphql(
  `
    subscription PlatformUpdated {
      platformUpdated {
        ...Installation
      }
    }
  `,
  [installation],
);

// Platform is how this installation is, now and every few seconds.
export function Platform() {
  const [query, refetch] = useQuery({ query: platformQuery, requestPolicy: 'cache-and-network' });
  const [live, watchAgain] = useSubscription({ query: platformUpdated });
  const data = live.data?.platformUpdated ?? query.data?.platform;
  const error = live.error ?? (live.data ? undefined : query.error);
  const again = () => {
    refetch({ requestPolicy: 'network-only' });
    if (live.error) watchAgain();
  };
  if (!data) return <Page title="Platform">{error ? <Problem error={error} onRetry={again} /> : <Waiting />}</Page>;
  const { version, commit, baseDomain, components, queues } = data;
  return (
    <Page
      title="Platform"
      hint={<>Davit {version}{commit && <> · <code className="font-mono text-[13px]">{commit.slice(0, 12)}</code></>} · applications below <code className="font-mono text-[13px]">{baseDomain}</code></>}
    >
      <Outdated error={error} onRetry={again} />
      <div className="grid items-start gap-5 lg:grid-cols-[minmax(0,2fr)_minmax(0,1fr)]">
        <Card title="Components" flush>
          <ul className="divide-y divide-line">
            {components.map((c) => (
              <li key={c.name} className="flex items-center gap-3 px-4 py-3">
                <StatusDot tone={c.healthy ? 'good' : 'bad'} />
                <div className="min-w-0 flex-1">
                  <p className="font-medium first-letter:uppercase">{c.name} <span className="sr-only">{c.healthy ? 'works' : 'does not work'}</span></p>
                  {c.message && <p className={`text-[13px] wrap-anywhere ${c.healthy ? 'text-muted' : 'text-bad'}`}>{c.message}</p>}
                </div>
                <p className="shrink-0 text-right text-xs text-faint tabular-nums">
                  {c.latencyMs !== null && <span className="block">{c.latencyMs < 10 ? c.latencyMs.toFixed(1) : Math.round(c.latencyMs)} ms</span>}
                  <Time at={c.checkedAt} />
                </p>
              </li>
            ))}
          </ul>
        </Card>
        <Card title="Queues" flush>
          {queues.length === 0 ? (
            <p className="px-4 py-6 text-center text-muted">Only who runs this installation sees them.</p>
          ) : (
            <table className="w-full text-left">
              <thead className="text-xs text-faint"><tr className="border-b border-line"><th className="px-4 py-2 font-medium">Queue</th><th className="px-4 py-2 text-right font-medium">Waiting</th><th className="px-4 py-2 text-right font-medium">Running</th></tr></thead>
              <tbody className="divide-y divide-line tabular-nums">
                {queues.map((q) => (
                  <tr key={q.name}><td className="px-4 py-2.5 font-medium">{q.name}</td><td className="px-4 py-2.5 text-right">{q.pending}</td><td className="px-4 py-2.5 text-right">{q.active}</td></tr>
                ))}
              </tbody>
            </table>
          )}
        </Card>
      </div>
    </Page>
  );
}
