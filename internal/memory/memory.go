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
	// again is after how many windows of rest the program is let go once more:
	// the little that is done meanwhile touches pages too.
	again = 3
)

// Tend calls Release whenever this process has come to rest after work, of
// which its start is the first, and drops the pages of the program now and then
// while it rests. It returns when ctx ends.
func Tend(ctx context.Context) {
	var program []mapping
	tend(ctx, used, func() { program = release() }, func() { drop(program) })
}

func tend(ctx context.Context, used func() time.Duration, release, drop func()) {
	tick := time.NewTicker(window)
	defer tick.Stop()
	worked, rested := true, 0
	for {
		before := used()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		switch busy := used()-before > restful; {
		case busy:
			worked, rested = true, 0
		case worked:
			worked = false
			release()
		default:
			if rested++; rested%again == 0 {
				drop()
			}
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
