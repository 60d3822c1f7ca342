package wake

import (
	"context"
	"time"
)

// backoff paces attempts against a Redis that is away. The zero value is the
// state after a success.
type backoff struct{ last time.Duration }

// first reports that no attempt failed since the last success.
func (b *backoff) first() bool { return b.last == 0 }

// sleep waits, each time twice as long, or until ctx ends.
func (b *backoff) sleep(ctx context.Context) {
	b.last = min(max(2*b.last, minBackoff), maxBackoff)
	timer := time.NewTimer(b.last)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
