package worker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/runner"
)

// oneOff is a container that runs a command to its end, once. Its name follows
// from its row, so that whoever goes on after a crash finds it.
type oneOff struct {
	by      printer
	what    string      // it is, as in "The … ended."
	code    fault.Code  // of its failure
	after   string      // what its failure means, a sentence
	lost    string      // what to do when nobody knows whether it did its work, a sentence
	spec    runner.Spec // its name is by.container
	secrets []string
	limit   time.Duration // from its start to its end; what runs longer is stopped
	grace   time.Duration // to end once it is asked to
	made    string        // id of the container, "" while the row knows none
	// keep writes the id into the row, "" for none. A container is not started before.
	keep func(ctx context.Context, containerID string) error
}

// errVanished is a command whose container is gone, or was ended by its engine:
// whether the command did its work, nobody knows.
var errVanished = errors.New("worker: the container of a command vanished")

// runOnce runs a command to its end, records what it prints, and returns how it
// ended; the container stays until it is dropped. When ctx ends it leaves the
// command running. Called again it goes on waiting for the same run: a command
// is not started twice unless its run is forgotten in between. It fails with a
// *runner.StartError if it cannot be started, with errVanished if its run is
// lost, and with an *overtimeError, having stopped it, if it takes longer than
// its limit.
func (w *Worker) runOnce(ctx context.Context, o *oneOff) (runner.Container, error) {
	c, err := w.begin(ctx, o)
	if err != nil {
		return c, err
	}
	if c.State == runner.Exited && killed(c) { // while nobody looked
		if ran(c) >= o.limit {
			return c, errors.Join(&overtimeError{o.limit}, w.Recorder.Finish(ctx, o.by, o.secrets))
		}
		return c, errVanished
	}
	c, err = w.untilExit(ctx, o)
	if err != nil {
		return c, err
	}
	if err := w.Recorder.Finish(ctx, o.by, o.secrets); err != nil {
		return c, fmt.Errorf("record output: %w", err)
	}
	return c, nil
}

// killed reports whether a container ended as those do whose engine is told to
// end, is killed, or finds them dead when it returns: in the words of a shell by
// SIGTERM or SIGKILL, or with the 255 of Docker.
func killed(c runner.Container) bool {
	return !c.OOMKilled && (c.ExitCode == 128+int(syscall.SIGTERM) || c.ExitCode == 128+int(syscall.SIGKILL) || c.ExitCode == 255)
}

// ran is how long a container that has ended ran, 0 if that is not known.
func ran(c runner.Container) time.Duration {
	if c.StartedAt.IsZero() {
		return 0
	}
	return c.EndedAt.Sub(c.StartedAt)
}

// forget lets go of a run that is lost, after which the command can be run
// again.
func (w *Worker) forget(ctx context.Context, o *oneOff) error {
	if err := w.Recorder.Finish(ctx, o.by, o.secrets); err != nil {
		return fmt.Errorf("record output: %w", err)
	}
	c, err := w.Runner.Inspect(ctx, o.by.container)
	switch {
	case err == nil && c.ID == o.made:
		if err := w.Runner.Remove(ctx, o.by.container); err != nil {
			return fmt.Errorf("remove container: %w", err)
		}
	case err != nil && !errors.Is(err, runner.ErrNotFound):
		return fmt.Errorf("inspect container: %w", err)
	}
	if err := w.Recorder.Renew(ctx, o.by); err != nil {
		return fmt.Errorf("record output: %w", err)
	}
	return o.keep(ctx, "")
}

// begin starts a command unless that was done, and sees to it that its output
// is recorded. It returns its container as it was then.
func (w *Worker) begin(ctx context.Context, o *oneOff) (runner.Container, error) {
	c, err := w.prepareOnce(ctx, o)
	if err != nil {
		return c, err
	}
	if c.State != runner.Exited {
		if err := w.Recorder.Follow(ctx, o.by, o.secrets); err != nil {
			return c, fmt.Errorf("record output: %w", vanished(err))
		}
	}
	if c.State == runner.Created {
		if err := w.Runner.Start(ctx, o.by.container); err != nil {
			return c, fmt.Errorf("start container: %w", vanished(err))
		}
	}
	return c, nil
}

// vanished adds errVanished to the error about a container that is not there.
func vanished(err error) error {
	if errors.Is(err, runner.ErrNotFound) {
		return errors.Join(errVanished, err)
	}
	return err
}

// prepareOnce makes the container of a command, or finds it in whatever state.
func (w *Worker) prepareOnce(ctx context.Context, o *oneOff) (runner.Container, error) {
	if o.made == "" {
		c, err := w.Runner.Create(ctx, o.spec)
		if errors.Is(err, runner.ErrStale) {
			return c, deploy.ErrOvertaken
		}
		if err != nil {
			return c, fmt.Errorf("create container: %w", err)
		}
		if err := o.keep(ctx, c.ID); err != nil {
			return c, err
		}
		o.made = c.ID
		return c, nil
	}
	c, err := w.Runner.Inspect(ctx, o.by.container)
	switch {
	case errors.Is(err, runner.ErrNotFound), err == nil && c.ID != o.made:
		return c, errVanished
	case err != nil:
		return c, fmt.Errorf("inspect container: %w", err)
	}
	return c, nil
}

// overtimeError is a command that took longer than it may.
type overtimeError struct{ limit time.Duration }

func (e *overtimeError) Error() string { return fmt.Sprintf("worker: it ran longer than %s", e.limit) }

// untilExit waits for the end of a command that was started.
func (w *Worker) untilExit(ctx context.Context, o *oneOff) (runner.Container, error) {
	var end time.Time // reckoned once: the clock may be set meanwhile
	for {
		c, err := w.Runner.Inspect(ctx, o.by.container)
		switch {
		case errors.Is(err, runner.ErrNotFound), err == nil && c.ID != o.made:
			return c, errVanished
		case err != nil:
			return c, fmt.Errorf("inspect container: %w", err)
		case c.State == runner.Exited:
			return c, nil
		}
		if end.IsZero() {
			end = time.Now().Add(o.limit - max(0, time.Since(orNow(c.StartedAt))))
		}
		left := time.Until(end)
		if left <= 0 {
			if err := w.Runner.Stop(ctx, o.by.container, o.grace); err != nil {
				return c, fmt.Errorf("stop container: %w", err)
			}
			return c, errors.Join(&overtimeError{o.limit}, w.Recorder.Finish(ctx, o.by, o.secrets))
		}
		if w.Recorder.pumpOf(o.by.id) == nil { // its log took nothing when it began
			if err := w.Recorder.Follow(ctx, o.by, o.secrets); err != nil {
				return c, fmt.Errorf("record output: %w", vanished(err))
			}
			if err := pause(ctx, min(left, lookEvery)); err != nil {
				return c, err
			}
			continue
		}
		// Its output ends with it; the engine's word is asked for now and then.
		look, done := context.WithTimeout(ctx, min(left, time.Second))
		over := w.Recorder.wait(look, o.by.id) == nil
		done()
		if ctx.Err() != nil {
			return c, context.Cause(ctx)
		}
		if over {
			_ = pause(ctx, lookEvery/10) // the engine notes the end a moment later
		}
	}
}

// quit ends a command that still runs and records what it printed. Its container
// stays. Quitting what is not there is no error.
func (w *Worker) quit(ctx context.Context, o *oneOff) error {
	_, err := w.Runner.Inspect(ctx, o.by.container)
	if errors.Is(err, runner.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("inspect container: %w", err)
	}
	if err := w.Runner.Stop(ctx, o.by.container, o.grace); err != nil {
		return fmt.Errorf("stop container: %w", err)
	}
	if err := w.Recorder.Finish(ctx, o.by, o.secrets); err != nil {
		return fmt.Errorf("record output: %w", err)
	}
	return nil
}

// drop quits a command and removes its container.
func (w *Worker) drop(ctx context.Context, o *oneOff) error {
	if err := w.quit(ctx, o); err != nil {
		return err
	}
	if err := w.Runner.Remove(ctx, o.by.container); err != nil {
		return fmt.Errorf("remove container: %w", err)
	}
	return nil
}

// commandFault says what became of a command that did not succeed: how it
// ended, or err of runOnce.
func (w *Worker) commandFault(ctx context.Context, o *oneOff, ended runner.Container, err error) error {
	app := &lifecycle.AppError{}
	failed := func(hint, message string, args ...any) error {
		app.Err = fault.New(o.code, "The "+o.what+" "+message, args...).WithHint("%s", strings.TrimSpace(hint+" "+o.after))
		app.Excerpt = w.Recorder.Tail(ctx, o.by, lifecycle.ExcerptLines)
		return app
	}
	if start, ok := errors.AsType[*runner.StartError](err); ok {
		app.ExitCode = &start.ExitCode
		return failed("Check the command and that the image has it.", "cannot be started: %s", start.Message)
	}
	if late, ok := errors.AsType[*overtimeError](err); ok {
		return failed("Its last lines say what it did until then.", "did not end within %s.", late.limit)
	}
	switch {
	case errors.Is(err, errVanished):
		app.Err = fault.New(fault.RunnerAway, "The %s was lost: its engine ended or removed its container.", o.what).
			WithHint("%s", strings.TrimSpace(o.lost+" "+o.after)).Because(err)
		app.Excerpt = w.Recorder.Tail(ctx, o.by, lifecycle.ExcerptLines)
		return app
	case err != nil:
		return err
	}
	app.ExitCode, app.OOMKilled = &ended.ExitCode, ended.OOMKilled
	switch {
	case ended.OOMKilled:
		return failed("Raise the memory limit of the service.", "ran out of memory and was killed.")
	case ended.ExitCode == 127:
		return failed("Check the command and that the image has it.", "was not found in the image.")
	case ended.ExitCode == 126:
		return failed("Check the command and that the image has it.", "cannot be executed.")
	default:
		return failed("Its last lines say why.", "ended with exit code %d.", ended.ExitCode)
	}
}
