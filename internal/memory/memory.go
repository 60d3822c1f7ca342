// Package memory keeps long-lived processes small while they have nothing to
// do.
package memory

import (
	"context"
	"syscall"
	"time"
)

const (
	// window is how long a process is watched to tell rest from work.
	window = 5 * time.Second
	// restful is the most CPU that a process at rest uses in a window: 1 % of a
	// core.
	restful = window / 100
)

// Tend calls Release whenever this process has come to rest after work, of
// which its start is the first. It returns when ctx ends.
func Tend(ctx context.Context) { tend(ctx, used, Release) }

func tend(ctx context.Context, used func() time.Duration, release func()) {
	tick := time.NewTicker(window)
	defer tick.Stop()
	worked := true
	for {
		before := used()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		switch busy := used()-before > restful; {
		case busy:
			worked = true
		case worked:
			worked = false
			release()
		}
	}
}

// used is the CPU this process used so far.
func used() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
