package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
)

// RunDeployment carries one deployment as far as it goes. It may be called for
// a deployment that another process works on: then it does nothing. A second
// run resumes at the row's status. The log of one that is over is closed.
func (w *Worker) RunDeployment(ctx context.Context, id string) error {
	c, err := claim(ctx, id, w.Owner, w.Deploy.Claim)
	if errors.Is(err, deploy.ErrNotNow) {
		return ignore(w.closeLog(ctx, id))
	}
	if err != nil {
		return ignore(err)
	}
	if err := w.adoptSource(c); err != nil {
		return err
	}
	defer w.discardSource(ctx, c)
	held, release := w.hold(ctx, c)
	err = w.steps(held, c)
	err = cause(held, err)
	release()
	err = w.settle(ctx, c, err)
	if fault.Is(err, fault.StoreAway) {
		err = errors.Join(err, giveBack(ctx, func(ctx context.Context) error { return w.Deploy.Release(ctx, c) }))
	}
	return ignore(err)
}

// closeLog ends the log of a deployment that has ended and of which nothing
// runs, so that those who follow it know that no more comes.
func (w *Worker) closeLog(ctx context.Context, id string) error {
	d, err := w.Deploy.Over(ctx, id)
	if err != nil {
		return err
	}
	if err := w.Recorder.End(ctx, d.InstanceID, d.ID); err != nil {
		return fmt.Errorf("end log: %w", err)
	}
	return nil
}

// ignore drops the errors that mean somebody else's turn.
func ignore(err error) error {
	if overtaken(err) {
		return nil
	}
	return err
}

// steps performs what is left of the deployment. Each step leaves the row in
// the next status, so that a second run skips what is done.
func (w *Worker) steps(ctx context.Context, c *deploy.Claim) error {
	for {
		if reason := c.Canceled(); reason != "" && c.Row.Status.Running() {
			return stopped{reason}
		}
		var err error
		switch c.Row.Status {
		case lifecycle.Queued:
			err = w.Deploy.Begin(ctx, c, w.Limits.Deployment)
		case lifecycle.Preparing:
			err = w.prepare(ctx, c)
		case lifecycle.Building:
			err = w.build(ctx, c)
		case lifecycle.Deploying:
			err = w.start(ctx, c)
		case lifecycle.Finalizing:
			return w.finalize(ctx, c)
		case lifecycle.Completed:
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// settle ends what a run left open: it completes, retries or gives back.
func (w *Worker) settle(ctx context.Context, c *deploy.Claim, err error) error {
	if errors.Is(err, deploy.ErrOvertaken) {
		return err // nothing here is ours any more
	}
	// The verdict is written even if this process is told to end.
	last, cancel := briefly(ctx, time.Minute)
	defer cancel()
	var stop stopped
	if code := fault.CodeOf(err); code == fault.Canceled || code == fault.Superseded {
		err = stopped{code} // asked to stop right before the switch
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, deploy.ErrNotNow), ctx.Err() != nil: // not its turn, or shutting down
		return w.Deploy.Release(last, c)
	case errors.As(err, &stop) && !c.Row.Status.Serving(): // else it is too late to stop
		w.cleanUp(last, c)
		return w.Deploy.Complete(last, c, lifecycle.Canceled, deploy.Stopped(stop.reason, c.Row.Phases.Current()))
	}
	failure := w.explain(last, c, err)
	if retried, rerr := w.Deploy.Retry(last, c, failure); rerr != nil || retried {
		return rerr
	}
	if c.Row.Status.Serving() { // it is live: what is left to clean is the reconciler's
		return w.Deploy.Complete(last, c, lifecycle.Succeeded, nil)
	}
	return w.fail(last, c, failure)
}

// fail ends a deployment that does not go live. The container of its pre-deploy
// command goes once that is written: whoever goes on before finds it, and does
// not run the command again.
func (w *Worker) fail(ctx context.Context, c *deploy.Claim, failure *lifecycle.Failure) error {
	before := mayRunBefore(c.Row)
	w.endAll(ctx, c, w.quit)
	w.Recorder.Say(ctx, c.Row, lifecycle.Warning, failure.Message)
	if err := w.Deploy.Complete(ctx, c, lifecycle.Failed, failure); err != nil || !before {
		return err
	}
	if err := w.Runner.Remove(ctx, deploy.ContainerName(c.ID)); err != nil {
		w.Log.WarnContext(ctx, "left to the reconciler", "deployment", c.ID, "err", err)
	}
	return nil
}

// explain says why a step failed. What nobody classified is logged whole.
func (w *Worker) explain(ctx context.Context, c *deploy.Claim, err error) *lifecycle.Failure {
	err = classify(err)
	if fault.Is(err, fault.Internal) {
		w.Log.ErrorContext(ctx, "deployment failed", "deployment", c.ID, "phase", c.Row.Phases.Current(), "err", err)
	}
	return lifecycle.Explain(err, c.Row.Phases.Current())
}

// cleanUpSpare is what a clean-up may take beyond the grace of the replicas: a
// cancel ends five seconds after that.
const cleanUpSpare = 3 * time.Second

// cleanUp removes the containers of a deployment that does not go live. What
// it cannot remove in time the reconciler will.
func (w *Worker) cleanUp(ctx context.Context, c *deploy.Claim) { w.endAll(ctx, c, w.drop) }

// endAll is cleanUp with what becomes of the pre-deploy command.
func (w *Worker) endAll(ctx context.Context, c *deploy.Claim, before func(context.Context, *oneOff) error) {
	ctx, cancel := context.WithTimeout(ctx, stopGrace(c.Row)+cleanUpSpare)
	defer cancel()
	if err := w.endPreDeploy(ctx, c, before); err != nil { // while that runs there are no replicas
		w.Log.WarnContext(ctx, "clean-up put off", "deployment", c.ID, "err", err)
	}
	replicas, err := w.Deploy.ReplicasOf(ctx, c.ID)
	if err != nil {
		w.Log.WarnContext(ctx, "clean-up put off", "deployment", c.ID, "err", err)
		return
	}
	_ = each(ctx, replicas, func(ctx context.Context, r *ent.Replica) error { // none fails
		if err := w.retire(ctx, c.Fence(), r, 0, stopGrace(c.Row)); err != nil {
			w.Log.WarnContext(ctx, "clean-up put off", "replica", r.ID, "err", err)
		}
		return nil
	})
}
