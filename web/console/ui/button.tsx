import type { ButtonHTMLAttributes, ReactNode, Ref } from 'react';
import { LoaderCircle } from 'lucide-react';
import { Hint } from './hint';
import { cx } from './cx';

export type ButtonTone = 'primary' | 'plain' | 'quiet' | 'danger';

const tones: Record<ButtonTone, string> = {
  primary: 'bg-accent text-white border-transparent hover:not-aria-disabled:bg-accent-hover',
  plain: 'bg-raised text-text border-line-strong hover:not-aria-disabled:bg-hover',
  quiet: 'bg-transparent text-muted border-transparent hover:not-aria-disabled:bg-hover hover:not-aria-disabled:text-text',
  danger: 'bg-danger text-white border-transparent hover:not-aria-disabled:brightness-110',
};

const sizes = { small: 'h-7 px-2.5 text-[13px] gap-1.5', medium: 'h-9 px-3.5 gap-2', icon: 'size-8 shrink-0 px-0' };

export const buttonClass = (tone: ButtonTone = 'plain', size: keyof typeof sizes = 'medium') =>
  cx(
    'inline-flex items-center justify-center rounded-md border font-medium whitespace-nowrap select-none',
    'transition-colors aria-disabled:cursor-not-allowed aria-disabled:opacity-55',
    '[&_svg]:size-4 [&_svg]:shrink-0',
    tones[tone],
    sizes[size],
  );

type Props = Omit<ButtonHTMLAttributes<HTMLButtonElement>, 'disabled'> & {
  tone?: ButtonTone;
  size?: keyof typeof sizes;
  busy?: boolean;
  // why it cannot be pressed; it stays in the tab order so that one can read that
  refused?: string | null | undefined;
  disabled?: boolean;
  ref?: Ref<HTMLButtonElement>;
  children?: ReactNode;
};

export function Button({ tone, size, busy, refused, disabled, className, children, onClick, ref, type, ...rest }: Props) {
  const off = Boolean(busy) || Boolean(disabled) || Boolean(refused);
  const button = (
    <button
      ref={ref}
      type={type ?? 'button'}
      aria-disabled={off || undefined}
      aria-busy={busy}
      className={cx(buttonClass(tone, size), className)}
      onClick={(event) => {
        if (off) event.preventDefault();
        else onClick?.(event);
      }}
      {...rest}
    >
      {busy && <LoaderCircle aria-hidden className="animate-spin" />}
      {children}
    </button>
  );
  return refused ? <Hint text={refused}>{button}</Hint> : button;
}
