package queue

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
)

// Handler does what the row with the id needs now. Its context ends when the
// server shuts down; asynq's own ideas of time-outs, leases and cancellation
// do not reach it. It may be called for a row that needs nothing, and again
// for one that another process handles: it claims the row first.
//
// An error is logged and the task counted as dead; trying again is up to the
// row and its reconciler.
type Handler func(ctx context.Context, id string) error

// errFailed marks a task as dead. What went wrong is in our log, not in Redis.
var errFailed = errors.New("failed, see the log of the worker")

// handle runs the handler of a task, again while its bell was rung meanwhile.
// enter waits for one of the group's slots, and returns what gives it back; it
// fails when ctx ends.
func (s *Server) handle(ctx context.Context, enter func(context.Context) (leave func(), err error), t Task) error {
	key := flight{t.Type, t.ID}
	if !s.flights.begin(key) {
		return nil
	}
	var err error
	for again := true; again; {
		err = s.run(ctx, enter, t)
		if again = s.flights.end(key); again && err != nil && ctx.Err() == nil {
			s.Log.ErrorContext(ctx, "task failed, and is done once more", "type", t.Type, "id", t.ID, "err", err)
		}
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil && s.Queue.Ring(context.WithoutCancel(ctx), t) == nil:
		// What the shutdown broke off is for another worker, soon.
		s.Log.InfoContext(ctx, "task broken off", "type", t.Type, "id", t.ID, "err", err)
		return nil
	default:
		s.Log.ErrorContext(ctx, "task failed", "type", t.Type, "id", t.ID, "err", err)
		return errFailed
	}
}

// run calls the handler when one of the group's slots is free. asynq limits
// its handlers too, but forgets those that outlast a lease it could not renew
// while Redis was away.
func (s *Server) run(ctx context.Context, enter func(context.Context) (leave func(), err error), t Task) (err error) {
	handler, ok := s.Handlers[t.Type]
	if !ok {
		return errors.New("no handler for tasks of this type")
	}
	leave, err := enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return handler(ctx, t.ID)
}
