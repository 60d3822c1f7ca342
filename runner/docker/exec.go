package docker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/davitdev/davit/runner"
)

// Exec runs argv in the container, as the container's user and within its
// limits. The engine has no way to end such a command: one that still runs
// when ctx ends is left to itself, and until it ends there is no other.
func (e *Engine) Exec(ctx context.Context, name string, argv []string) (runner.ExecResult, error) {
	if len(argv) == 0 || argv[0] == "" {
		return runner.ExecResult{}, fmt.Errorf("%w: an empty command", runner.ErrSpec)
	}
	s, err := e.connect(ctx)
	if err != nil {
		return runner.ExecResult{}, err
	}
	c, err := e.find(ctx, s, name)
	if err != nil {
		return runner.ExecResult{}, err
	}
	shaking, cancel := e.answered(ctx, 0) // hands; the command is not bound to it
	defer cancel()
	if err := e.execLeft(shaking, s, c.ID); err != nil {
		return runner.ExecResult{}, err
	}
	made, err := s.api.ExecCreate(shaking, c.ID, client.ExecCreateOptions{Cmd: argv, AttachStdout: true, AttachStderr: true})
	switch {
	case gone(err):
		return runner.ExecResult{}, runner.ErrNotFound
	case errdefs.IsConflict(err):
		return runner.ExecResult{}, runner.ErrNotRunning
	case err != nil:
		return runner.ExecResult{}, e.fail(shaking, "exec", err)
	}
	out, err := e.execOutput(ctx, s, made.ID)
	if err != nil {
		e.left.note(c.ID, made.ID)
		return runner.ExecResult{}, err
	}
	code, err := e.execCode(ctx, s, made.ID)
	if err != nil {
		e.left.note(c.ID, made.ID)
	}
	return runner.ExecResult{ExitCode: code, Output: out}, err
}

// execLeft fails while a command still runs in the container that was not waited
// for to its end: a health check that hangs would fill it with its like.
func (e *Engine) execLeft(ctx context.Context, s *session, container string) error {
	id, noted := e.left.noted(container)
	if !noted {
		return nil
	}
	res, err := s.api.ExecInspect(ctx, id, client.ExecInspectOptions{})
	switch {
	case err != nil && !gone(err):
		return e.fail(ctx, "exec", err)
	case err == nil && res.Running:
		return fmt.Errorf("docker exec: %w: the command before this one has not ended", runner.ErrInUse)
	}
	e.left.drop(container)
	return nil
}

// execOutput starts the command and reads its output to the end, because a
// command whose output nobody reads would not get there.
func (e *Engine) execOutput(ctx context.Context, s *session, id string) ([]byte, error) {
	shaking, cancel := e.answered(ctx, 0)
	defer cancel()
	res, err := s.api.ExecAttach(shaking, id, client.ExecAttachOptions{})
	if err != nil {
		return nil, e.fail(shaking, "exec", err)
	}
	a := &attachment{r: bufio.NewReaderSize(res.Conn, 4<<10)}
	a.ending = endWith(ctx, res.Conn.Close)
	defer a.Close()
	var out []byte
	for {
		f, err := a.Next()
		switch {
		case errors.Is(err, io.EOF):
			return out, nil
		case err != nil:
			return nil, e.fail(ctx, "exec", err)
		}
		out = append(out, f.Data[:min(len(f.Data), runner.MaxExecOutput-len(out))]...)
	}
}

// execCode returns the exit status, which the engine may write down a moment
// after the end of the output.
func (e *Engine) execCode(ctx context.Context, s *session, id string) (int, error) {
	ctx, cancel := e.answered(ctx, 0)
	defer cancel()
	again := time.NewTimer(0)
	defer again.Stop()
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		select {
		case <-ctx.Done():
			return 0, classify(ctx, "exec", ctx.Err())
		case <-again.C:
		}
		res, err := s.api.ExecInspect(ctx, id, client.ExecInspectOptions{})
		switch {
		case gone(err): // with its container
			return 0, errors.Join(runner.ErrNotRunning, err)
		case err != nil:
			return 0, e.fail(ctx, "exec", err)
		case !res.Running:
			return res.ExitCode, nil
		}
		again.Reset(pause)
	}
}
