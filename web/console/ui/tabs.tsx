import { Tabs } from 'radix-ui';
import type { ReactNode } from 'react';
import { cx } from './cx';

export const tabBar = 'flex gap-1 overflow-x-auto border-b border-line [scrollbar-width:none]';

export const tab = cx(
  'relative -mb-px flex items-center gap-2 border-b-2 border-transparent px-3 py-2.5 font-medium whitespace-nowrap text-muted',
  'transition-colors hover:text-text [&_svg]:size-4 focus-visible:-outline-offset-2',
  'aria-[current=page]:border-accent aria-[current=page]:text-text aria-selected:border-accent aria-selected:text-text',
);

type Props<T extends string> = {
  label: string;
  value: T;
  onChoose: (value: T) => void;
  tabs: { value: T; title: ReactNode; body: ReactNode }[];
};

// Panels shows one of several parts of a page that have no address of their own.
export const Panels = <T extends string>({ label, value, onChoose, tabs }: Props<T>) => (
  <Tabs.Root value={value} onValueChange={(chosen) => { for (const t of tabs) if (t.value === chosen) onChoose(t.value); }}>
    <Tabs.List aria-label={label} className={tabBar}>
      {tabs.map((t) => (
        <Tabs.Trigger key={t.value} value={t.value} className={tab}>
          {t.title}
        </Tabs.Trigger>
      ))}
    </Tabs.List>
    {tabs.map((t) => (
      <Tabs.Content key={t.value} value={t.value} className="pt-5 focus-visible:outline-none">
        {t.body}
      </Tabs.Content>
    ))}
  </Tabs.Root>
);
