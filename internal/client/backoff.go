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
	said  bool      // that it is waited for
}

func (c *Client) backoff() *backoff { return &backoff{c: c, next: firstWait} }

// answers notes that there is a server, which may drop what it has just taken.
func (b *backoff) answers() {
	b.c.answered.Store(true)
	b.say(false)
}

// end notes that the server has done what it was asked for.
func (b *backoff) end() {
	b.answers()
	b.next, b.since = firstWait, time.Time{}
}

// say tells whether the server is waited for, if that is new.
func (b *backoff) say(on bool) {
	if b.said != on && b.c.Waits != nil {
		b.c.Waits(on)
	}
	b.said = on
}

// left is how long the server may be silent in the next attempt.
func (b *backoff) left() time.Duration {
	if b.since.IsZero() {
		return silence
	}
	return min(silence, patience-time.Since(b.since))
}

// wait waits for the time of the next attempt, the last one having found the
// server away since a time. It reports false if there is to be none: ctx has
// ended, the server never answered, or it has been away for too long.
func (b *backoff) wait(ctx context.Context, since time.Time) bool {
	if ctx.Err() != nil || !b.c.answered.Load() {
		return false
	}
	if b.since.IsZero() {
		b.since = since
	}
	b.say(true)
	pause := b.next + rand.N(b.next)
	if time.Since(b.since)+pause >= patience {
		return false
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(pause):
	}
	b.next = min(2*b.next, longestWait)
	return true
}
