import type { ReactNode } from 'react';
import { cx } from './cx';

// Tone is how well something is.
export type Tone = 'good' | 'busy' | 'warn' | 'bad' | 'idle';

const text: Record<Tone, string> = {
  good: 'text-good',
  busy: 'text-busy',
  warn: 'text-warn',
  bad: 'text-bad',
  idle: 'text-idle',
};

type DotProps = { tone: Tone; moving?: boolean; className?: string };

// StatusDot shows a tone; words beside it say the same.
export const StatusDot = ({ tone, moving = tone === 'busy', className }: DotProps) => (
  <span aria-hidden className={cx('inline-block size-2 shrink-0 rounded-full bg-current', text[tone], moving && 'animate-pulse-dot', className)} />
);

type BadgeProps = { tone?: Tone; dot?: boolean; className?: string; children: ReactNode };

export const Badge = ({ tone = 'idle', dot, className, children }: BadgeProps) => (
  <span
    className={cx(
      'inline-flex h-5.5 items-center gap-1.5 rounded-full border px-2 text-xs font-medium whitespace-nowrap',
      tone === 'idle' ? 'border-line bg-sunken text-muted' : 'border-current/20 bg-current/8',
      tone !== 'idle' && text[tone],
      className,
    )}
  >
    {dot && <StatusDot tone={tone} />}
    {children}
  </span>
);
