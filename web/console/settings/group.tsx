import type { ReactNode } from 'react';
import { TimeZones, zonesId } from '../create/time-zones';
import { Card } from '../ui/card';
import { Field, Input, Select, Textarea } from '../ui/field';
import type { Group, Spec } from './fields';
import type { Key, TextKey, Values } from './values';

type Props = {
  group: Group;
  values: Values;
  changed: readonly Key[];
  problems: Partial<Record<TextKey, string>>;
  disabled: boolean;
  onChange: (key: TextKey, value: string) => void;
  children?: ReactNode;
};

// Dot marks what was changed and is not applied.
export const Dot = ({ shown }: { shown: boolean }) => shown && <span className="size-1.5 self-center rounded-full bg-accent" title="Changed, not applied" />;

// GroupCard are settings that belong together.
export const GroupCard = ({ group, values, changed, problems, disabled, onChange, children }: Props) => (
  <Card title={group.title} hint={group.hint}>
    {group.fields.length > 0 && (
      <div className="grid gap-x-5 gap-y-4 sm:grid-cols-2">
        {group.fields.filter((f) => f.when?.(values) ?? true).map((f) => (
          <Field key={f.key} label={<>{f.label}<Dot shown={changed.includes(f.key)} /></>} hint={f.hint} error={problems[f.key]} className={f.long ? 'sm:col-span-2' : ''}>
            {(wiring) => <Control {...wiring} field={f} disabled={disabled} value={values[f.key]} onValue={(value) => { onChange(f.key, value); }} />}
          </Field>
        ))}
      </div>
    )}
    {group.fields.some((f) => f.zones) && <TimeZones />}
    {children}
  </Card>
);

type ControlProps = { id: string; 'aria-describedby': string | undefined; 'aria-invalid': true | undefined; field: Spec; disabled: boolean; value: string; onValue: (value: string) => void };

function Control({ field: f, value, onValue, ...wiring }: ControlProps) {
  if (f.choices) {
    return (
      <Select {...wiring} value={value} onChange={(event) => { onValue(event.target.value); }}>
        {f.choices.map(([choice, words]) => <option key={choice} value={choice}>{words}</option>)}
        {!f.choices.some(([choice]) => choice === value) && <option value={value}>{value}</option>}
      </Select>
    );
  }
  if (f.long) return <Textarea {...wiring} rows={3} className="min-h-16" placeholder={f.placeholder} value={value} onChange={(event) => { onValue(event.target.value); }} />;
  return (
    <Input
      {...wiring}
      mono={!f.plain}
      list={f.zones ? zonesId : undefined}
      inputMode={f.numeric ? 'decimal' : undefined}
      placeholder={f.placeholder}
      value={value}
      onChange={(event) => { onValue(event.target.value); }}
    />
  );
}
