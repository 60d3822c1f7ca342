import { bytes } from '../ui/size';
import type { Progress } from './send';

// Sending shows how much of an upload has gone.
export const Sending = ({ progress: { sent, total } }: { progress: Progress }) => (
  <div>
    <progress aria-label="Upload" value={sent} max={total} className="h-1.5 w-full overflow-hidden rounded-full accent-accent" />
    <p className="text-[13px] text-muted tabular-nums">{bytes(sent)} of {bytes(total)}</p>
  </div>
);
