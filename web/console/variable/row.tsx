import { Eye, EyeOff, Lock, Pencil, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { Badge } from '../ui/badge';
import { Button } from '../ui/button';
import { Copy } from '../ui/copy';
import { cx } from '../ui/cx';
import { Time } from '../ui/time';
import type { Variable } from './operations';

type Props = { variable: Variable; hidden: boolean; refused: string | null; onChange: () => void; onUnset: () => void };

const uses = (v: Variable) => (v.usedAt.length === 2 ? null : v.usedAt[0] === 'BUILD' ? 'builds only' : 'replicas only');

// VariableRow is a variable with its value, which is covered until one asks; a
// secret's nobody can see.
export function VariableRow({ variable: v, hidden, refused, onChange, onUnset }: Props) {
  const [shown, setShown] = useState(false);
  const use = uses(v);
  return (
    <li className={cx('flex flex-wrap items-center gap-x-3 gap-y-1 px-4 py-2.5 sm:flex-nowrap', hidden && 'opacity-55')}>
      <div className="w-full min-w-0 sm:w-64 sm:shrink-0">
        <p className="truncate font-mono text-[13px] font-medium" title={v.name}>{v.name}</p>
        <p className="truncate text-xs text-faint">
          {hidden ? 'a narrower one wins' : <>{v.updatedBy?.displayName ?? 'Davit'} · <Time at={v.updatedAt} />{use && ` · ${use}`}</>}
        </p>
      </div>
      <div className="min-w-0 flex-1">
        {v.secret ? (
          <Badge><Lock aria-hidden className="size-3" /> secret</Badge>
        ) : (
          <code className="block truncate font-mono text-[13px] text-muted">{shown ? v.value || '(empty)' : '••••••••'}</code>
        )}
      </div>
      <div className="flex shrink-0">
        {!v.secret && (
          <>
            <Button tone="quiet" size="icon" aria-label={shown ? `Hide ${v.name}` : `Show ${v.name}`} aria-pressed={shown} onClick={() => { setShown(!shown); }}>
              {shown ? <EyeOff aria-hidden /> : <Eye aria-hidden />}
            </Button>
            <Copy text={v.value ?? ''} label={`Copy ${v.name}`} className="size-8" />
          </>
        )}
        <Button tone="quiet" size="icon" refused={refused} aria-label={`Change ${v.name}`} onClick={onChange}><Pencil aria-hidden /></Button>
        <Button tone="quiet" size="icon" refused={refused} aria-label={`Unset ${v.name}`} onClick={onUnset}><Trash2 aria-hidden /></Button>
      </div>
    </li>
  );
}
