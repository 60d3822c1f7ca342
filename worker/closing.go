package worker

import (
	"context"
	"errors"

	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/logs"
)

// closing is a log on its way to its end.
type closing struct {
	cancel context.CancelFunc
	done   chan struct{}
	err    error // once it is done
}

// End closes the log of a deployment of which nothing runs any more. One that
// cannot be closed within CatchUp, because its disk or its store does not
// answer, holds nobody up: it is closed as soon as that is possible, and if this
// process ends before, by a later clean-up. Nothing that was taken is left out.
func (rec *Recorder) End(ctx context.Context, instanceID, deploymentID string) error {
	return rec.end(ctx, sourceOf(instanceID, deploymentID), logs.DeploymentEnded)
}

// EndCommand closes the log of a command that has ended, like End.
func (rec *Recorder) EndCommand(ctx context.Context, operationID string) error {
	return rec.end(ctx, logs.Source{Group: operationID, ID: operationID}, logs.CommandEnded)
}

func (rec *Recorder) end(ctx context.Context, src logs.Source, why logs.EndReason) error {
	c := rec.closing(ctx, src, why)
	err := rec.timely(ctx, func(ctx context.Context) error {
		select {
		case <-c.done:
			return c.err
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	if errors.Is(err, errSlow) {
		rec.Log.WarnContext(ctx, "a log is closed later", "of", src.ID, "err", err)
		return nil
	}
	return ignoreClosed(err)
}

// closing closes a log in a goroutine, because a disk that hangs knows no
// context. There is one at a time for each log.
func (rec *Recorder) closing(ctx context.Context, src logs.Source, why logs.EndReason) *closing {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if c, ok := rec.closings[src]; ok {
		return c
	}
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c := &closing{cancel: cancel, done: make(chan struct{})}
	if rec.closings == nil {
		rec.closings = map[logs.Source]*closing{}
	}
	rec.closings[src] = c
	rec.wg.Go(func() {
		defer cancel()
		c.err = unlessPanic(life, func(ctx context.Context) error { return rec.Logs.End(ctx, src, why) })
		rec.mu.Lock()
		delete(rec.closings, src)
		rec.mu.Unlock()
		close(c.done)
	})
	return c
}

// closeLogs closes the logs of deployments and commands that are over: of those
// that could not be closed in time the process may have ended.
func (w *Worker) closeLogs(ctx context.Context) error {
	open, err := w.Recorder.Logs.OpenSources()
	if err != nil {
		return err
	}
	var errs []error
	for _, src := range open {
		switch kind, _ := ident.KindOf(src.ID); kind {
		case ident.Deployment:
			errs = append(errs, ignore(w.closeLog(ctx, src.ID)))
		case ident.Operation:
			over, err := w.Deploy.OperationOver(ctx, src.ID)
			if err == nil && over {
				err = w.Recorder.EndCommand(ctx, src.ID)
			}
			errs = append(errs, err)
		default:
		}
	}
	return errors.Join(errs...)
}
