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
	"github.com/davitdev/davit/internal/logs"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/runner"
)

// operateCommand carries a command that somebody asked for one step on: it
// starts it, or looks whether it has ended. While it runs nobody holds its
// operation: its end rings. Until it is started somebody does, however slow the
// engine is: another worker would start it, and then this one a second time.
func (w *Worker) operateCommand(ctx context.Context, job *deploy.Job) error {
	o, exit, ended, err := w.command(ctx, job)
	err = cause(ctx, err)
	message, wait := "Running.", lookAgain
	switch {
	case overtaken(err):
		return err
	case ctx.Err() != nil: // another process goes on at once
		wait = 0
	case err != nil && (!fault.CodeOf(classify(err)).Info().Retryable || errors.Is(err, errVanished) || job.Overdue()), ended:
		if err = w.endCommand(ctx, job, o, exit, err); err == nil || overtaken(err) {
			return err
		}
	}
	if err != nil {
		w.Log.WarnContext(ctx, "command goes on later", "operation", job.ID, "err", err)
		message = "Waiting: trying again."
	}
	last, done := briefly(ctx, 10*time.Second)
	defer done()
	return w.Deploy.PauseOperation(last, job, 0, message, wait)
}

// command starts a command, or looks how it is. exit is its exit code once it
// has ended by itself; an error that is not worth another try ends it, too. o is
// nil if not even what it prints can be told.
func (w *Worker) command(ctx context.Context, job *deploy.Job) (o *oneOff, exit *int, ended bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, passLimit)
	defer cancel()
	d, err := w.Deploy.CommandDeployment(ctx, job)
	if err != nil {
		return nil, nil, false, err
	}
	if o, err = w.commandOf(ctx, job, d); err != nil {
		return nil, nil, false, err
	}
	if job.Row.CancelRequested {
		return o, nil, false, w.cancelCommand(ctx, o)
	}
	if err := w.equip(ctx, job, d, o); err != nil {
		return o, nil, false, err
	}
	c, err := w.begin(ctx, o)
	if err != nil {
		return o, nil, false, w.commandFault(ctx, o, c, err)
	}
	switch left := o.limit - time.Since(orNow(c.StartedAt)); {
	case c.State != runner.Exited && left > 0:
		w.ringAtExit(job.ID, o, left)
		return o, nil, false, nil
	case c.State != runner.Exited:
		if err := w.Runner.Stop(ctx, o.by.container, o.grace); err != nil {
			return o, nil, false, fmt.Errorf("stop container: %w", err)
		}
		err = &overtimeError{o.limit}
	case c.ExitCode == 0:
		return o, &c.ExitCode, true, nil
	case killed(c) && ran(c) >= o.limit: // by whoever stopped it and did not get to say so
		err = &overtimeError{o.limit}
	case killed(c) && c.Outlived:
		err = errVanished
	}
	if err == nil {
		exit = &c.ExitCode
	}
	if err := w.Recorder.Finish(ctx, o.by, o.secrets); err != nil { // its last lines are told with it
		return o, nil, false, fmt.Errorf("record output: %w", err)
	}
	return o, exit, false, w.commandFault(ctx, o, c, err)
}

// commandOf is the command of an operation without what its container is made
// of: enough to end it.
func (w *Worker) commandOf(ctx context.Context, job *deploy.Job, d *ent.Deployment) (*oneOff, error) {
	env, err := w.Deploy.OpenVariables(ctx, d.Variables, func(v spec.VariableRef) bool { return v.Runtime && v.Secret })
	if err != nil {
		return nil, fmt.Errorf("secrets of command: %w", err)
	}
	o := &oneOff{
		by:   printer{id: job.ID, container: deploy.ContainerName(job.ID), source: logs.Source{Group: job.ID, ID: job.ID}},
		what: "command", code: fault.CommandFailed, lost: "Whether it did its work is not known: look, then run it again.",
		secrets: env.Secrets, limit: time.Duration(job.Row.LimitMs) * time.Millisecond, grace: spec.StopGrace,
		keep: func(ctx context.Context, id string) error { return w.Deploy.KeepContainer(ctx, job, id) },
	}
	if job.Row.ContainerID != nil {
		o.made = *job.Row.ContainerID
	}
	return o, nil
}

// equip says what the container of a command is made of: what the replicas of
// its deployment are, without their port.
func (w *Worker) equip(ctx context.Context, job *deploy.Job, d *ent.Deployment, o *oneOff) error {
	if o.made != "" {
		return nil
	}
	if d.Image == nil {
		return fault.New(fault.Conflict, "Deployment #%d is a static site, which has no container.", d.Number)
	}
	if _, err := w.Runner.Image(ctx, d.Image.ID); isNotFound(err) {
		return fault.New(fault.ImageNotKept, "The image of deployment #%d is no longer kept.", d.Number).WithHint("Run the command again: it gets the image that serves now.")
	}
	set, err := w.replicaSet(ctx, d)
	if err != nil {
		return err
	}
	o.spec = set.spec
	o.spec.Name, o.spec.ReplicaID, o.spec.Epoch = o.by.container, o.by.id, job.Epoch
	o.spec.Port = 0
	if job.Row.Command != nil { // else what a cron service runs by itself
		o.spec.Command = job.Row.Command
	}
	return nil
}

// cancelCommand stops a command and fails with CANCELED.
func (w *Worker) cancelCommand(ctx context.Context, o *oneOff) error {
	if err := w.Runner.Stop(ctx, o.by.container, o.grace); err != nil {
		return fmt.Errorf("stop container: %w", err)
	}
	return fault.New(fault.Canceled, "The command was canceled.")
}

// ringAtExit asks for another look at a command when it has ended, or its time
// is up.
func (w *Worker) ringAtExit(operationID string, o *oneOff, left time.Duration) {
	w.keepers.beside("command "+operationID, func(ctx context.Context) {
		timely, done := context.WithTimeout(ctx, left)
		_ = w.Recorder.wait(timely, o.by.id)
		done()
		if ctx.Err() != nil {
			return // shutting down
		}
		err := w.Deploy.WakeOperation(ctx, operationID)
		if err == nil {
			err = w.ring(ctx, deploy.TaskOperate, operationID)
		}
		if err != nil {
			w.Log.WarnContext(ctx, "left to the reconciler", "operation", operationID, "err", err)
		}
	})
}

// endCommand closes the log of a command, writes how it ended, and removes its
// container, in this order: whoever goes on in between finds the container, and
// ends it the same.
//
// Without o nobody knows which secrets must not be shown, and nothing more of
// its output is.
func (w *Worker) endCommand(ctx context.Context, job *deploy.Job, o *oneOff, exit *int, err error) error {
	ctx, cancel := briefly(ctx, passLimit)
	defer cancel()
	var failure *lifecycle.Failure
	if err != nil {
		err = classify(err)
		if fault.Is(err, fault.Internal) {
			w.Log.ErrorContext(ctx, "command failed", "operation", job.ID, "err", err)
		}
		failure = lifecycle.Explain(err, "")
	}
	if o != nil {
		if err := w.Recorder.Finish(ctx, o.by, o.secrets); err != nil {
			return fmt.Errorf("record output: %w", err)
		}
	}
	if err := w.Recorder.EndCommand(ctx, job.ID); err != nil {
		return fmt.Errorf("end log: %w", err)
	}
	if err := w.Deploy.FinishCommand(ctx, job, exit, failure); err != nil {
		return err
	}
	if err := w.Runner.Remove(ctx, deploy.ContainerName(job.ID)); err != nil {
		w.Log.WarnContext(ctx, "left to the reconciler", "operation", job.ID, "err", err)
	}
	return nil
}
