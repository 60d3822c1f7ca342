package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/davitdev/davit/runner"
)

// killPatience is how long a shim gets to kill its program before it is killed
// itself.
const killPatience = 5 * time.Second

// Stop sends SIGTERM to the program's process group, and after grace SIGKILL to
// everything it started.
func (r *Runner) Stop(ctx context.Context, name string, grace time.Duration) error {
	s, err := r.running(ctx, name)
	if err != nil || s.Status != runner.Running {
		return err
	}
	if err := s.Shim.signal(sigStop); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("process stop: %w", err)
	}
	ended, err := r.ended(ctx, name, s.Run, grace)
	if err != nil || ended {
		return err
	}
	return r.kill(ctx, name, s)
}

// running returns the state, settled: nobody is just starting the container.
func (r *Runner) running(ctx context.Context, name string) (state, error) {
	unlock, err := r.lock(ctx)
	if err != nil {
		return state{}, err
	}
	defer unlock()
	if _, err := r.record(name); errors.Is(err, runner.ErrNotFound) {
		return state{}, nil
	}
	return r.state(name)
}

// kill ends a run and waits until it is over.
func (r *Runner) kill(ctx context.Context, name string, s state) error {
	for _, sig := range []syscall.Signal{sigKill, syscall.SIGKILL} {
		if err := s.Shim.signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("process kill: %w", err)
		}
		ended, err := r.ended(ctx, name, s.Run, killPatience)
		if err != nil || ended {
			return err
		}
	}
	return fmt.Errorf("process kill: %s does not end", name)
}

// killLeft ends what a run left behind whose shim was killed: that one would have
// ended it. It holds the port.
func (r *Runner) killLeft(ctx context.Context, name string, s state) error {
	if s.Status != runner.Exited || !s.EndedAt.IsZero() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, killPatience)
	defer cancel()
	err := runner.WaitHealthy(ctx, runner.Pace{}, func(context.Context) error {
		left, err := sessionOf(s.Program, r.containerPath(name))
		for _, one := range left {
			err = errors.Join(err, runner.ErrInUse)
			if failed := one.signal(syscall.SIGKILL); !errors.Is(failed, os.ErrProcessDone) {
				err = errors.Join(err, failed)
			}
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("process kill: what %s left behind: %w", name, err)
	}
	return nil
}

// ended waits at most so long for the end of a run, and reports whether it
// came.
func (r *Runner) ended(ctx context.Context, name string, run int, most time.Duration) (bool, error) {
	waiting, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	err := runner.WaitHealthy(waiting, runner.Pace{}, func(context.Context) error {
		s, err := r.state(name)
		if err == nil && s.Status == runner.Running && s.Run == run {
			err = runner.ErrInUse
		}
		return err
	})
	switch {
	case err == nil:
		return true, nil
	case ctx.Err() != nil:
		return false, ctx.Err()
	case errors.Is(err, runner.ErrInUse) || errors.Is(err, context.DeadlineExceeded):
		return false, nil
	}
	return false, err
}
