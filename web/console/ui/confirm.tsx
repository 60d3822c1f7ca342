import type { CombinedError } from '@urql/core';
import { useState, type ReactNode } from 'react';
import { Button } from './button';
import { Dialog } from './dialog';
import { Field, Input } from './field';
import { ProblemLine } from './problem-line';

type Props = {
  title: string;
  description: ReactNode;
  action: string;
  // what must be typed first; for what cannot be undone
  name?: string;
  danger?: boolean;
  busy: boolean;
  problem?: CombinedError | undefined;
  onConfirm: () => void;
  onClose: () => void;
};

// Confirm asks before something is done, for the name of it where it is gone
// afterwards.
export function Confirm({ title, description, action, name, danger, busy, problem, onConfirm, onClose }: Props) {
  const [typed, setTyped] = useState('');
  const sure = name === undefined || typed === name;
  return (
    <Dialog
      onClose={onClose}
      title={title}
      description={description}
      onSubmit={() => {
        if (sure && !busy) onConfirm();
      }}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" tone={danger ? 'danger' : 'primary'} busy={busy} disabled={!sure}>
            {action}
          </Button>
        </>
      }
    >
      {name !== undefined && (
        <Field label={<span>Type <b className="font-mono text-[13px]">{name}</b> to confirm</span>}>
          {(wiring) => <Input {...wiring} mono autoFocus value={typed} onChange={(event) => { setTyped(event.target.value); }} />}
        </Field>
      )}
      <ProblemLine error={problem} />
    </Dialog>
  );
}
