import { useEffect, useRef, useState } from 'react';
import { useQuery } from 'urql';
import { useKept } from '../api/kept';
import { ProblemLine } from '../ui/problem-line';
import { useInView } from '../ui/use-in-view';
import { perPage } from './deployment-pages';
import type { DeploymentRowData } from './deployment-row';
import { deploymentsQuery } from './deployments-query';

type Props = {
  instance: string;
  after: string;
  turn: number; // rises when something happened
  onMore: ((after: string) => void) | undefined; // for the last page
  row: (deployment: DeploymentRowData) => React.ReactNode;
};

const rowHeight = 57; // px, about, until a page was seen

// OlderDeployments are a page of them. What is far out of sight is as high as it
// was, and not drawn. What could not be read again stays as it was.
export function OlderDeployments({ instance, after, turn, onMore, row }: Props) {
  const element = useRef<HTMLLIElement>(null);
  const inView = useInView(element);
  const [height, setHeight] = useState(perPage * rowHeight);
  const [read, setRead] = useState(turn);
  const [{ data, error }, refetch] = useQuery({ query: deploymentsQuery, variables: { id: instance, first: perPage, after }, pause: !inView });
  if (inView && read !== turn) setRead(turn);
  useEffect(() => {
    if (read > 0) refetch({ requestPolicy: 'network-only' });
  }, [read, refetch]);
  const page = useKept(after, data?.serviceInstance?.deployments, error !== undefined);
  const drawn = inView && page;
  useEffect(() => {
    if (drawn && element.current) setHeight(element.current.offsetHeight);
  }, [drawn, page]);
  const next = page?.pageInfo.hasNextPage ? page.pageInfo.endCursor : null;
  useEffect(() => {
    if (inView && next) onMore?.(next);
  }, [inView, next, onMore]);
  return (
    <li ref={element} style={drawn ? undefined : { height }}>
      {error && !page && <div className="p-4"><ProblemLine error={error} /></div>}
      {inView && !page && !error && <p role="status" className="p-4 text-center text-[13px] text-faint">Loading older ones…</p>}
      {drawn && <ul className="divide-y divide-line">{page.nodes.map(row)}</ul>}
    </li>
  );
}
