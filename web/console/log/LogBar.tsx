import { ArrowDownToLine, CircleHelp, Clock, Download, LoaderCircle, WrapText } from 'lucide-react';
import type { ReactNode } from 'react';
import { Button } from '../ui/button';
import { Hint } from '../ui/hint';

interface Props {
  follow: boolean;
  wrap: boolean;
  saved: number | null; // lines of a download under way
  onFollow: () => void;
  onWrap: () => void;
  onTime: () => void;
  onDownload: () => void;
  onHelp: () => void;
}

// LogBar has what one does with a log but looking for something.
export const LogBar = ({ follow, wrap, saved, onFollow, onWrap, onTime, onDownload, onHelp }: Props) => (
  <div className="flex items-center gap-0.5" role="toolbar" aria-label="Log">
    <Tool label="Follow" shortcut="f" pressed={follow} onClick={onFollow}><ArrowDownToLine aria-hidden /></Tool>
    <Tool label="Wrap long lines" shortcut="w" pressed={wrap} onClick={onWrap}><WrapText aria-hidden /></Tool>
    <Tool label="Go to a time" shortcut="t" onClick={onTime}><Clock aria-hidden /></Tool>
    <Tool label={saved === null ? 'Download' : `${saved.toLocaleString()} lines so far; press to stop`} onClick={onDownload}>
      {saved === null ? <Download aria-hidden /> : <LoaderCircle aria-hidden className="animate-spin" />}
    </Tool>
    <Tool label="Keyboard and filter" shortcut="?" onClick={onHelp}><CircleHelp aria-hidden /></Tool>
  </div>
);

interface ToolProps {
  label: string;
  shortcut?: string;
  pressed?: boolean;
  onClick: () => void;
  children: ReactNode;
}

const Tool = ({ label, shortcut, pressed, onClick, children }: ToolProps) => (
  <Hint text={shortcut ? <>{label} <kbd className="ml-1 rounded border border-line px-1 font-mono">{shortcut}</kbd></> : label}>
    <Button
      tone="quiet"
      size="icon"
      aria-label={label}
      aria-keyshortcuts={shortcut}
      aria-pressed={pressed}
      className="size-7 aria-pressed:bg-accent/15 aria-pressed:text-accent-text"
      onClick={onClick}
    >
      {children}
    </Button>
  </Hint>
);
