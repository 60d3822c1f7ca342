import { type SubmitEvent, useState } from 'react';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { Field, Input } from '../ui/field';
import { help } from './keys';
import { fromLocalInput, toLocalInput } from './time';

interface TimeProps {
  open: boolean;
  near: string; // a time that is shown
  onClose: () => void;
  onGo: (time: string) => void;
}

// TimeDialog asks for the time to go to.
export function TimeDialog({ open, near, onClose, onGo }: TimeProps) {
  const [wrong, setWrong] = useState<string | null>(null);
  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    const time = fromLocalInput(new FormData(event.currentTarget).get('time'));
    if (time === null) setWrong('Give a day and a time.');
    else onGo(time);
  }
  return (
    <Dialog open={open} onClose={onClose} title="Go to a time" actions={<Button tone="primary" type="submit" form="log-time">Go</Button>}>
      <form id="log-time" onSubmit={submit}>
        <Field label="Time" hint="Of your clock" error={wrong}>
          {(wiring) => <Input {...wiring} name="time" type="datetime-local" step={1} defaultValue={toLocalInput(near)} autoFocus />}
        </Field>
      </form>
    </Dialog>
  );
}

const grammar: readonly (readonly [string, string])[] = [
  ['word "some text"', 'Lines that hold all of it, in this case'],
  ['/expr/ /expr/i', 'Lines that match; i takes any case'],
  ['-word -"some text" -/expr/', 'Lines without it'],
  ['level:warn', 'Warnings and what is worse: trace, debug, info, warn, error, fatal'],
  ['stream:stderr', 'One stream, or several with commas: build, stdout, stderr, system'],
  ['replica:rep_…', 'What one replica printed'],
];

// HelpDialog says what the keyboard and the filter can do.
export const HelpDialog = ({ open, onClose }: { open: boolean; onClose: () => void }) => (
  <Dialog open={open} onClose={onClose} wide title="Reading logs">
    {/* so that the keyboard can scroll it */}
    <div role="group" aria-label="Keyboard and filter" tabIndex={0} className="grid gap-6 sm:grid-cols-2">
      <Table title="Keyboard" rows={help} />
      <Table title="Filter" rows={grammar} />
    </div>
  </Dialog>
);

const Table = ({ title, rows }: { title: string; rows: readonly (readonly [string, string])[] }) => (
  <section>
    <h3 className="mb-2 font-semibold">{title}</h3>
    <dl className="flex flex-col gap-2 text-[13px]">
      {rows.map(([what, means]) => (
        <div key={what}>
          <dt className="font-mono text-xs">{what}</dt>
          <dd className="text-muted">{means}</dd>
        </div>
      ))}
    </dl>
  </section>
);
