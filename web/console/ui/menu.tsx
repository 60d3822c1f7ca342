import { DropdownMenu } from 'radix-ui';
import type { ReactElement, ReactNode } from 'react';
import { cx } from './cx';

type MenuProps = { trigger: ReactElement; label: string; align?: 'start' | 'end'; children: ReactNode };

// Menu opens at its trigger. It is not modal: what locks the scroll of a page
// writes a style sheet, which the policy of content forbids.
export const Menu = ({ trigger, label, align = 'end', children }: MenuProps) => (
  <DropdownMenu.Root modal={false}>
    <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
    <DropdownMenu.Portal>
      <DropdownMenu.Content
        aria-label={label}
        align={align}
        sideOffset={6}
        collisionPadding={8}
        className="animate-appear z-40 max-h-[70vh] min-w-52 overflow-y-auto rounded-lg border border-line-strong bg-raised p-1 shadow-pop"
      >
        {children}
      </DropdownMenu.Content>
    </DropdownMenu.Portal>
  </DropdownMenu.Root>
);

type ItemProps = {
  icon?: ReactNode;
  danger?: boolean;
  refused?: string | null | undefined;
  onSelect: () => void;
  children: ReactNode;
};

const item =
  'flex items-center gap-2.5 rounded-md px-2.5 py-1.5 outline-none select-none data-highlighted:bg-hover [&_svg]:size-4 [&_svg]:shrink-0';

export const MenuItem = ({ icon, danger, refused, onSelect, children }: ItemProps) => (
  <DropdownMenu.Item
    aria-disabled={refused ? true : undefined}
    onSelect={(event) => {
      if (refused) event.preventDefault();
      else onSelect();
    }}
    className={cx(item, danger && !refused && 'text-bad', refused && 'cursor-not-allowed text-faint')}
  >
    {icon}
    <span className="min-w-0">
      {children}
      {refused && <span className="block max-w-60 text-xs">{refused}</span>}
    </span>
  </DropdownMenu.Item>
);

type ChoiceProps<T extends string> = { value: T; onChoose: (value: T) => void; choices: [T, ReactNode][] };

export const MenuChoice = <T extends string>({ value, onChoose, choices }: ChoiceProps<T>) => (
  <DropdownMenu.RadioGroup value={value} onValueChange={(chosen) => { for (const [v] of choices) if (v === chosen) onChoose(v); }}>
    {choices.map(([choice, text]) => (
      <DropdownMenu.RadioItem key={choice} value={choice} className={cx(item, 'justify-between gap-6')}>
        <span className="flex items-center gap-2.5">{text}</span>
        <DropdownMenu.ItemIndicator className="text-accent-text">✓</DropdownMenu.ItemIndicator>
      </DropdownMenu.RadioItem>
    ))}
  </DropdownMenu.RadioGroup>
);

export const MenuLabel = ({ children }: { children: ReactNode }) => (
  <DropdownMenu.Label className="px-2.5 pt-1.5 pb-1 text-xs text-faint">{children}</DropdownMenu.Label>
);

export const MenuLine = () => <DropdownMenu.Separator className="mx-1 my-1 h-px bg-line" />;
