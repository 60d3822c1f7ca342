import { Check, Copy as CopyIcon } from 'lucide-react';
import { useEffect, useState } from 'react';
import { Button } from './button';
import { cx } from './cx';

// copyText puts text on the clipboard and reports whether the browser let it.
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false; // no permission, or no secure context
  }
}

// Copy puts text on the clipboard and shows that it did.
export function Copy({ text, label = 'Copy', className }: { text: string; label?: string; className?: string }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => { setCopied(false); }, 1500);
    return () => { clearTimeout(timer); };
  }, [copied]);
  return (
    <Button
      tone="quiet"
      size="icon"
      aria-label={copied ? 'Copied' : label}
      title={label}
      className={cx('size-7', className)}
      onClick={() => void copyText(text).then(setCopied)}
    >
      {copied ? <Check aria-hidden className="text-good" /> : <CopyIcon aria-hidden />}
    </Button>
  );
}

// Command is a line for a terminal, to copy.
export const Command = ({ children }: { children: string }) => (
  <div className="flex min-w-0 items-center gap-2 rounded-md border border-line bg-sunken py-1 pr-1 pl-3 text-left">
    <code className="min-w-0 flex-1 overflow-x-auto font-mono text-[13px] whitespace-pre text-text [scrollbar-width:none]">
      <span aria-hidden className="text-faint select-none">$ </span>
      {children}
    </code>
    <Copy text={children} label="Copy the command" />
  </div>
);
