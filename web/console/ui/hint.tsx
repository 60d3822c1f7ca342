import { Tooltip } from 'radix-ui';
import type { ReactElement, ReactNode } from 'react';

// Hint says more of what the pointer is on, or the keyboard.
export function Hint({ text, children }: { text: ReactNode; children: ReactElement }) {
  return (
    <Tooltip.Root>
      <Tooltip.Trigger asChild>{children}</Tooltip.Trigger>
      <Tooltip.Portal>
        <Tooltip.Content
          sideOffset={6}
          collisionPadding={8}
          className="animate-appear z-50 max-w-72 rounded-md border border-line-strong bg-raised px-2.5 py-1.5 text-xs text-text shadow-pop"
        >
          {text}
        </Tooltip.Content>
      </Tooltip.Portal>
    </Tooltip.Root>
  );
}

export const Hints = ({ children }: { children: ReactNode }) => (
  <Tooltip.Provider delayDuration={300} skipDelayDuration={200}>
    {children}
  </Tooltip.Provider>
);
