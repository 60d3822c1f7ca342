package docker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/moby/moby/client"

	"github.com/davitdev/davit/runner"
)

// Start starts the container.
func (e *Engine) Start(ctx context.Context, name string) error {
	ctx, cancel := e.answered(ctx, 0)
	defer cancel()
	s, err := e.connect(ctx)
	if err != nil {
		return err
	}
	c, err := e.find(ctx, s, name)
	if err != nil {
		return err
	}
	e.oom.drop(c.ID) // of an earlier run
	_, err = s.api.ContainerStart(ctx, c.ID, client.ContainerStartOptions{})
	switch {
	case gone(err) && strings.Contains(err.Error(), "network"):
		return fmt.Errorf("docker start: %w: %w", runner.ErrNetworkNotFound, err)
	case gone(err):
		return runner.ErrNotFound
	case err != nil && halfStarted(c.ID, err.Error()):
		if rerr := e.remove(ctx, s, c.ID); rerr != nil {
			return errors.Join(rerr, err)
		}
		return fmt.Errorf("docker start: %w: the container is removed: %w", runner.ErrUnavailable, err)
	case err != nil:
		if failed := startError(err); failed != nil {
			return failed
		}
		return e.fail(ctx, "start", err)
	}
	return nil
}

// halfStarted recognizes what an engine says that was killed while it started a
// container: of a task that is there, of the directory of one, or of a container
// that containerd has and does not let go. It never starts that container again.
func halfStarted(id, message string) bool {
	return strings.Contains(message, "task "+id) && strings.Contains(message, "already exists") ||
		strings.Contains(message, "id already in use") ||
		strings.Contains(message, "start shim: mkdir") && strings.Contains(message, "/"+id+": file exists")
}

// startError recognizes the runtime's word for a command that cannot be
// executed; nil if it is something else. With an init process in the container
// it is the init that fails, later.
func startError(err error) *runner.StartError {
	msg := err.Error()
	if _, cause, ok := strings.Cut(msg, "OCI runtime create failed: "); ok {
		msg = cause
	}
	failed := func(code int) *runner.StartError {
		return &runner.StartError{ExitCode: code, Message: strings.TrimSuffix(msg, ": unknown")}
	}
	switch {
	case !strings.Contains(msg, "exec"):
		return nil
	case strings.Contains(msg, "executable file not found"), strings.Contains(msg, "no such file or directory"):
		return failed(127)
	case strings.Contains(msg, "permission denied"), strings.Contains(msg, "exec format error"), strings.Contains(msg, "is a directory"):
		return failed(126)
	}
	return nil
}

// Stop sends the image's stop signal, waits for grace, rounded up to whole
// seconds, and kills.
func (e *Engine) Stop(ctx context.Context, name string, grace time.Duration) error {
	ctx, cancel := e.answered(ctx, max(grace, 0))
	defer cancel()
	s, err := e.connect(ctx)
	if err != nil {
		return err
	}
	c, err := e.find(ctx, s, name)
	switch {
	case errors.Is(err, runner.ErrNotFound):
		return nil
	case err != nil:
		return err
	case !c.State.Running:
		return nil
	}
	seconds := int((max(grace, 0) + time.Second - 1) / time.Second)
	_, err = s.api.ContainerStop(ctx, c.ID, client.ContainerStopOptions{Timeout: &seconds})
	if err != nil && !gone(err) {
		return e.fail(ctx, "stop", err)
	}
	return nil
}

// Remove kills the container and deletes it with its anonymous volumes.
func (e *Engine) Remove(ctx context.Context, name string) error {
	ctx, cancel := e.answered(ctx, 0)
	defer cancel()
	s, err := e.connect(ctx)
	if err != nil {
		return err
	}
	c, err := e.find(ctx, s, name)
	switch {
	case errors.Is(err, runner.ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	return e.remove(ctx, s, c.ID)
}

// remove deletes a container that is ours and waits until its name is free.
func (e *Engine) remove(ctx context.Context, s *session, id string) error {
	again := time.NewTimer(0)
	defer again.Stop()
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		select {
		case <-ctx.Done():
			return classify(ctx, "remove", ctx.Err())
		case <-again.C:
		}
		_, err := s.api.ContainerRemove(ctx, id, client.ContainerRemoveOptions{RemoveVolumes: true, Force: true})
		switch {
		case err == nil, gone(err):
			e.left.drop(id)
			return nil
		case !inProgress(err):
			return e.fail(ctx, "remove", err)
		}
		again.Reset(pause) // somebody else is removing it, and may fail to
	}
}

func inProgress(err error) bool { return strings.Contains(err.Error(), "is already in progress") }
