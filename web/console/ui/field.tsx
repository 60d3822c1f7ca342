import { useId, type InputHTMLAttributes, type ReactNode, type SelectHTMLAttributes, type TextareaHTMLAttributes } from 'react';
import { cx } from './cx';

const box =
  'w-full rounded-md border border-line-strong bg-surface px-3 text-text placeholder:text-faint ' +
  'transition-colors hover:border-idle focus-visible:outline-offset-0 aria-invalid:border-bad ' +
  'disabled:cursor-not-allowed disabled:bg-sunken disabled:text-muted';

type Wiring = { id: string; 'aria-describedby': string | undefined; 'aria-invalid': true | undefined };

type Props = {
  label: ReactNode;
  hint?: ReactNode;
  error?: string | null | undefined;
  optional?: boolean;
  className?: string;
  children: (wiring: Wiring) => ReactNode;
};

// Field names an input, says what it is for, and what is wrong with it.
export function Field({ label, hint, error, optional, className, children }: Props) {
  const id = useId();
  const described = error ? `${id}-error` : hint ? `${id}-hint` : undefined;
  return (
    <div className={cx('flex flex-col gap-1.5', className)}>
      <label htmlFor={id} className="flex items-baseline gap-2 font-medium">
        {label}
        {optional && <span className="text-xs font-normal text-faint">optional</span>}
      </label>
      {children({ id, 'aria-describedby': described, 'aria-invalid': error ? true : undefined })}
      {error ? (
        <p id={`${id}-error`} role="alert" className="text-[13px] text-bad">
          {error}
        </p>
      ) : (
        hint && (
          <p id={`${id}-hint`} className="text-[13px] text-muted">
            {hint}
          </p>
        )
      )}
    </div>
  );
}

export const Input = ({ className, mono, ...rest }: InputHTMLAttributes<HTMLInputElement> & { mono?: boolean }) => (
  <input
    autoComplete="off"
    spellCheck={false}
    className={cx(box, 'h-9', mono && 'font-mono text-[13px]', className)}
    {...rest}
  />
);

export const Textarea = ({ className, ...rest }: TextareaHTMLAttributes<HTMLTextAreaElement>) => (
  <textarea
    autoComplete="off"
    spellCheck={false}
    className={cx(box, 'min-h-24 resize-y py-2 font-mono text-[13px]', className)}
    {...rest}
  />
);

export const Select = ({ className, ...rest }: SelectHTMLAttributes<HTMLSelectElement>) => (
  <select className={cx(box, 'h-9 pr-8', className)} {...rest} />
);

type CheckProps = InputHTMLAttributes<HTMLInputElement> & { label: ReactNode; hint?: ReactNode };

export const Checkbox = ({ label, hint, className, ...rest }: CheckProps) => (
  <label className={cx('flex cursor-pointer items-start gap-2.5', className)}>
    <input type="checkbox" className="mt-0.75 size-4 accent-accent" {...rest} />
    <span>
      {label}
      {hint && <span className="block text-[13px] text-muted">{hint}</span>}
    </span>
  </label>
);
