import { CircleAlert, CircleCheck, Info, X } from 'lucide-react';
import { Toast } from 'radix-ui';
import { useSyncExternalStore, type ReactNode } from 'react';
import { Button } from './button';

type Message = {
  title: string;
  description?: string;
  tone?: 'good' | 'bad' | 'plain';
  action?: { text: string; run: () => void };
};

let shown: (Message & { id: number })[] = [];
let last = 0;
const watchers = new Set<() => void>();

function show(next: typeof shown) {
  shown = next;
  for (const watcher of watchers) watcher();
}

// toast says something for a few seconds, whichever page is open.
export function toast(message: Message) {
  show([...shown.slice(-3), { ...message, id: ++last }]);
}

const dismiss = (id: number) => { show(shown.filter((m) => m.id !== id)); };

const icons: Record<NonNullable<Message['tone']>, ReactNode> = {
  good: <CircleCheck aria-hidden className="text-good" />,
  bad: <CircleAlert aria-hidden className="text-bad" />,
  plain: <Info aria-hidden className="text-muted" />,
};

export function Toasts() {
  const messages = useSyncExternalStore((watcher) => {
    watchers.add(watcher);
    return () => watchers.delete(watcher);
  }, () => shown);
  return (
    <Toast.Provider label="Notice" swipeDirection="right">
      {messages.map((m) => (
        <Toast.Root
          key={m.id}
          duration={m.tone === 'bad' ? 12_000 : 5000}
          onOpenChange={(open) => { if (!open) dismiss(m.id); }}
          className="animate-appear flex items-start gap-3 rounded-lg border border-line-strong bg-raised p-3 shadow-pop [&_svg]:size-4 [&_svg]:shrink-0"
        >
          <span className="mt-0.5">{icons[m.tone ?? 'plain']}</span>
          <div className="min-w-0 flex-1">
            <Toast.Title className="font-medium">{m.title}</Toast.Title>
            {m.description && <Toast.Description className="mt-0.5 text-[13px] text-muted wrap-break-word">{m.description}</Toast.Description>}
            {m.action && (
              <Toast.Action asChild altText={m.action.text}>
                <Button size="small" className="mt-2" onClick={m.action.run}>{m.action.text}</Button>
              </Toast.Action>
            )}
          </div>
          <Toast.Close asChild>
            <Button tone="quiet" size="icon" aria-label="Dismiss" className="-my-1 -mr-1 size-7"><X aria-hidden /></Button>
          </Toast.Close>
        </Toast.Root>
      ))}
      <Toast.Viewport className="fixed right-4 bottom-4 z-50 flex w-[min(22rem,calc(100vw-2rem))] flex-col gap-2 outline-none" />
    </Toast.Provider>
  );
}
