//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/davitdev/davit/internal/fault"
)

const (
	// lookTime is how long somebody who only asks who holds a lock may have it:
	// findHolder lets go of it at once, on a busy machine too.
	lookTime  = time.Second
	lockEvery = 10 * time.Millisecond
)

// lock takes the data directory, which one process serves at a time.
func (h *house) lock(ctx context.Context) error {
	f, err := os.OpenFile(h.config.Lock(), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("lock data directory: %w", err)
	}
	h.onClose(f.Close)
	h.held = f
	err = hold(ctx, f)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return fault.New(fault.Conflict, "Another davit serve uses %s.", h.config.Data).WithHint("Stop it, or choose another directory with --data.")
	}
	if err != nil {
		return fmt.Errorf("lock data directory: %w", err)
	}
	return f.Truncate(0) // whoever held it has gone
}

// hold locks a file. It fails with EWOULDBLOCK once another has held it for
// longer than it takes to look at it.
func hold(ctx context.Context, f *os.File) error {
	tick := time.NewTicker(lockEvery)
	defer tick.Stop()
	for began := time.Now(); ; {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) //nolint:gosec // a descriptor
		if !errors.Is(err, syscall.EWOULDBLOCK) || time.Since(began) > lookTime {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}
