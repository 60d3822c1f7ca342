package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/runner"
)

// oneOff is a container that runs a command to its end, once. Its name follows
// from its row, so that whoever goes on after a crash finds it.
type oneOff struct {
	by      printer
	spec    runner.Spec // its name is by.container
	secrets []string
	limit   time.Duration // from its start to its end; what runs longer is stopped
	grace   time.Duration // to end once it is asked to
	made    string        // id of the container, "" while the row knows none
	// keep writes the id into the row. A container is not started before.
	keep func(ctx context.Context, containerID string) error
}

// errVanished is a container of a command that somebody removed: whether the
// command did its work, nobody knows.
var errVanished = errors.New("worker: the container of a command vanished")

// runOnce runs a command to its end, records what it prints, and returns how it
// ended; the container stays until it is dropped. When ctx ends it leaves the
// command running. Called again it goes on waiting for the same run: a command
// is never started twice. It fails with a *runner.StartError if it cannot be
// started, with errVanished if its run is lost, and with an *overtimeError,
// having stopped it, if it takes longer than its limit.
func (w *Worker) runOnce(ctx context.Context, o *oneOff) (runner.Container, error) {
	c, err := w.prepareOnce(ctx, o)
	if err != nil {
		return c, err
	}
	if c.State != runner.Exited {
		if err := w.Recorder.Follow(ctx, o.by, o.secrets); err != nil {
			return c, fmt.Errorf("record output: %w", err)
		}
	}
	if c.State == runner.Created {
		if err := w.Runner.Start(ctx, o.by.container); err != nil {
			return c, fmt.Errorf("start container: %w", err)
		}
	}
	if c, err = w.untilExit(ctx, o); err != nil {
		return c, err
	}
	if err := w.Recorder.Finish(ctx, o.by, o.secrets); err != nil {
		return c, fmt.Errorf("record output: %w", err)
	}
	return c, nil
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
		left := o.limit - time.Since(orNow(c.StartedAt))
		if left <= 0 {
			if err := w.Runner.Stop(ctx, o.by.container, o.grace); err != nil {
				return c, fmt.Errorf("stop container: %w", err)
			}
			return c, errors.Join(&overtimeError{o.limit}, w.Recorder.Finish(ctx, o.by, o.secrets))
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

// drop ends a command that still runs, records what it printed, and removes its
// container. Dropping what is not there is no error.
func (w *Worker) drop(ctx context.Context, o *oneOff) error {
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
	if err := w.Runner.Remove(ctx, o.by.container); err != nil {
		return fmt.Errorf("remove container: %w", err)
	}
	return nil
}

// lastLines are the end of what a command printed.
func (w *Worker) lastLines(ctx context.Context, o *oneOff) []lifecycle.ExcerptLine {
	return w.Recorder.Tail(ctx, o.by, lifecycle.ExcerptLines)
}
