import { GitBranch } from 'lucide-react';
import { useId } from 'react';
import { sentence } from '../api/fault';
import { count } from '../ui/count';
import { Field, Input, Select } from '../ui/field';
import type { Draft } from './draft';
import type { RepositoryData } from './operations';
import { useBranches } from './use-branches';

type Props = { draft: Draft; repository: RepositoryData; onRef: (ref: string) => void; onLook: (ref: string) => void };
type MaybeBlind = Omit<Props, 'repository'> & { repository: RepositoryData | undefined }; // undefined: it cannot be looked into

const label = <span className="flex items-center gap-1.5"><GitBranch aria-hidden className="size-4" /> Branch</span>;

// Branch asks for a branch of a repository that was looked into. onRef hears of
// what is typed, onLook of what is meant.
export function Branch({ repository, draft, onRef, onLook }: MaybeBlind) {
  if (!repository) {
    return (
      <Field label={label}>
        {(wiring) => <Input {...wiring} mono placeholder="the default branch" value={draft.ref} onChange={(event) => { onRef(event.target.value.trim()); }} />}
      </Field>
    );
  }
  const { totalCount, nodes } = repository.branches;
  if (totalCount > nodes.length) return <Search draft={draft} repository={repository} onRef={onRef} onLook={onLook} />;
  return (
    <Field label={label}>
      {(wiring) => (
        <Select {...wiring} value={draft.ref} onChange={(event) => { onLook(event.target.value); }}>
          <option value="">{repository.defaultBranch ? `${repository.defaultBranch} (default)` : 'default'}</option>
          {nodes.filter((b) => b.name !== repository.defaultBranch).map((b) => <option key={b.name}>{b.name}</option>)}
        </Select>
      )}
    </Field>
  );
}

// Search is for a repository with more branches than a list of them has.
function Search({ draft, repository, onRef, onLook }: Props) {
  const list = useId();
  const typed = draft.ref.trim();
  const { found, busy } = useBranches(draft, typed);
  const { totalCount, nodes } = repository.branches;
  const names = found?.names ?? nodes.map((b) => b.name);
  const hint = !typed
    ? `The first ${nodes.length} of ${totalCount.toLocaleString()} are listed: type to find another.`
    : busy
      ? 'Looking for branches…'
      : found && found.total > found.names.length
        ? `The first ${found.names.length} of ${found.total.toLocaleString()} with this in their name are listed.`
        : names.length === 0
          ? 'No branch has this in its name. It may be a tag or a commit.'
          : `${count(names.length, 'branch has this in its name', 'branches have this in their name')}.`;
  return (
    <Field label={label} hint={<span role="status">{hint}</span>} error={!busy && found?.error ? sentence(found.error) : undefined}>
      {(wiring) => (
        <>
          <Input
            {...wiring}
            mono
            list={list}
            placeholder={repository.defaultBranch ? `${repository.defaultBranch} (default)` : 'the default branch'}
            value={draft.ref}
            onChange={(event) => {
              const ref = event.target.value;
              const { nativeEvent } = event;
              // one of the list is meant at once
              if (nativeEvent instanceof InputEvent && nativeEvent.inputType === 'insertReplacementText') onLook(ref);
              else onRef(ref);
            }}
            onBlur={() => { onLook(typed); }}
            onKeyDown={(event) => {
              if (event.key !== 'Enter') return;
              event.preventDefault();
              onLook(typed);
            }}
          />
          <datalist id={list}>{names.map((name) => <option key={name} value={name} />)}</datalist>
        </>
      )}
    </Field>
  );
}
