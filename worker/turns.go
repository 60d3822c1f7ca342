package worker

import (
	"context"
	"sync"
)

// turns lets a number of callers do something at a time.
type turns struct {
	once sync.Once
	free chan struct{}
}

// enter waits for a turn, of which there are most, until ctx ends, and returns
// what gives it back. It calls waits if it has to wait.
func (t *turns) enter(ctx context.Context, most int, waits func()) (leave func(), err error) {
	t.once.Do(func() { t.free = make(chan struct{}, most) })
	leave = func() { <-t.free }
	select {
	case t.free <- struct{}{}:
		return leave, nil
	default:
	}
	waits()
	select {
	case t.free <- struct{}{}:
		return leave, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
