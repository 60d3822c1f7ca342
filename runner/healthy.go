package runner

import (
	"context"
	"fmt"
	"time"
)

// The pause between two questions: a sixteenth of the time waited so far, so
// that waiting adds at most about 6 % to how long an application takes to come
// up, within these bounds.
const (
	minPause   = 200 * time.Microsecond
	maxPause   = 50 * time.Millisecond
	pauseShare = 16
)

// Pace says how WaitHealthy asks.
type Pace struct {
	Successes int           // good answers in a row that make healthy; 0 means 1
	Interval  time.Duration // between them once the first has come; 0 means 50 ms
}

// WaitHealthy calls ask, at first in quick succession, until it has returned
// nil as often in a row as the pace wants. When ctx ends before, the error
// wraps ctx's cause and the last error of ask that was not about ctx.
func WaitHealthy(ctx context.Context, p Pace, ask func(context.Context) error) error {
	if p.Interval <= 0 {
		p.Interval = maxPause
	}
	start := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	var last error
	for good := 0; ; {
		select {
		case <-ctx.Done():
			return ended(ctx, last)
		case <-timer.C:
		}
		err := ask(ctx)
		switch {
		case ctx.Err() != nil:
			return ended(ctx, last)
		case err != nil:
			good, last = 0, err
			timer.Reset(min(max(time.Since(start)/pauseShare, minPause), maxPause))
			continue
		}
		if good++; good >= p.Successes {
			return nil
		}
		timer.Reset(p.Interval)
	}
}

func ended(ctx context.Context, last error) error {
	if last == nil {
		return context.Cause(ctx)
	}
	return fmt.Errorf("%w: %w", context.Cause(ctx), last)
}
