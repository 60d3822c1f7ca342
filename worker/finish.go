package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/davitdev/davit/internal/logs"
	"github.com/davitdev/davit/runner"
)

// Finish records what is left of a container that does not run and will not
// again, before it is removed, and closes its streams. What the same printer
// prints after that begins new ones. What the log has not taken after CatchUp is
// left out, with a gap in its place and a remark, and what it took may not be on
// the disk: whoever waits to go live does not wait for a log. An engine that
// does not answer is an error.
func (rec *Recorder) Finish(ctx context.Context, by printer, secrets []string) error {
	unseen := false // its engine ended while nobody followed
	if p := rec.pumpOf(by.id); p != nil {
		p.cancel() // it may wait for a container that was never started
		if err := rec.wait(ctx, by.id); err != nil {
			return err
		}
		rec.mu.Lock()
		delete(rec.pumps, by.id)
		rec.mu.Unlock()
	} else if c, err := rec.Runner.Inspect(ctx, by.container); err == nil {
		unseen = c.Outlived
	} else if !errors.Is(err, runner.ErrNotFound) {
		return fmt.Errorf("inspect container: %w", err)
	}
	out, err := rec.streams(ctx, by, secrets)
	if err != nil {
		return ignoreClosed(err)
	}
	err = rec.timely(ctx, out.resume)
	if err != nil && ignoreClosed(err) == nil {
		out.close()
		return nil
	}
	if err == nil {
		err = rec.catchUp(ctx, by, out, rec.CatchUp)
	}
	if err == nil && unseen {
		err = out.doubt()
	}
	if errors.Is(err, errSlow) {
		rec.Log.WarnContext(ctx, "the end of an output is left out", "of", by.id, "err", err)
		err = rec.leaveOut(ctx, by, out)
	}
	if err != nil {
		out.close()
		return err
	}
	if err = rec.timely(ctx, out.end); errors.Is(err, errSlow) {
		rec.Log.WarnContext(ctx, "the end of an output is not on the disk yet", "of", by.id, "err", err)
		return nil
	}
	return err
}

// Renew closes the streams of a printer whose container is gone, after Finish:
// what it prints next comes from another container, and is counted from its
// first line. It fails unless the disk has that.
func (rec *Recorder) Renew(ctx context.Context, by printer) error {
	out, err := rec.streams(ctx, by, nil)
	if err != nil {
		return ignoreClosed(err)
	}
	return rec.timely(ctx, out.renew)
}

// leaveOut says in the log that the end of an output is not there.
func (rec *Recorder) leaveOut(ctx context.Context, by printer, out *output) error {
	what := by.replica
	if what == "" {
		what = "the command"
	}
	message := fmt.Sprintf("The last lines of %s are not recorded: it printed more than the log took within %s after its end.", what, rec.CatchUp)
	if err := rec.Logs.System(ctx, by.source, logs.SeverityWarn, message); err != nil {
		return err
	}
	return errors.Join(out.stdout.Gap(0, logs.StoreUnavailable), out.stderr.Gap(0, logs.StoreUnavailable))
}

// CatchUpLimit is a CatchUp by which the log has what an application printed,
// unless it printed faster than a disk takes. The end of an output has three
// steps and that of its log is one, which are to fit into one pass.
const CatchUpLimit = 7 * time.Second
