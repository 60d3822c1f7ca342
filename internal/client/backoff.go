package client

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	// patience is how long a server may be away before it is given up.
	patience = 2 * time.Minute

	firstWait, longestWait = 100 * time.Millisecond, 5 * time.Second
)

// backoff is between the attempts of a request or a subscription.
type backoff struct {
	c     *Client
	next  time.Duration
	since time.Time // when the server was first found to be away, zero while it answers
}

func (c *Client) backoff() *backoff { return &backoff{c: c, next: firstWait} }

// end notes that the server has answered.
func (b *backoff) end() {
	b.c.answered.Store(true)
	if !b.since.IsZero() && b.c.Waits != nil {
		b.c.Waits(false)
	}
	b.next, b.since = firstWait, time.Time{}
}

// wait waits for the time of the next attempt. It reports false if there is
// to be none: ctx has ended, the server never answered, or it has been away for
// too long.
func (b *backoff) wait(ctx context.Context) bool {
	if ctx.Err() != nil || !b.c.answered.Load() {
		return false
	}
	if b.since.IsZero() {
		b.since = time.Now()
		if b.c.Waits != nil {
			b.c.Waits(true)
		}
	}
	if time.Since(b.since) > patience {
		return false
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(b.next + rand.N(b.next)):
	}
	b.next = min(2*b.next, longestWait)
	return true
}
