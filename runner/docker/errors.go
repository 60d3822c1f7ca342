package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/davitdev/davit/runner"
)

// noSpace is what engines write about a full disk.
const noSpace = "no space left on device"

// away marks an error that can only mean that the engine does not answer.
type away struct{ error }

func (a away) Unwrap() error { return a.error }

// isAway reports whether err says that the connection, not the request, is
// what failed.
func isAway(err error) bool {
	if _, ok := errors.AsType[away](err); ok || client.IsErrConnectionFailed(err) {
		return true
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return true
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// classify turns an error of the client into one of the contract: ctx's own
// first, then a lost engine, then a full disk; anything else is passed on.
func classify(ctx context.Context, doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case silent(ctx):
		return fmt.Errorf("docker %s: %w: %w", doing, runner.ErrUnavailable, errSilent)
	case ctx.Err() != nil:
		return fmt.Errorf("docker %s: %w", doing, ctx.Err())
	case isAway(err):
		return fmt.Errorf("docker %s: %w: %w", doing, runner.ErrUnavailable, err)
	case strings.Contains(err.Error(), noSpace):
		return fmt.Errorf("docker %s: %w: %w", doing, runner.ErrDiskFull, err)
	}
	return fmt.Errorf("docker %s: %w", doing, err)
}

// gone reports whether the engine says that there is no such thing.
func gone(err error) bool { return errdefs.IsNotFound(err) }

// ignoreGone drops an error that says that there is no such thing.
func ignoreGone(err error) error {
	if gone(err) {
		return nil
	}
	return err
}
