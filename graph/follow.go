package graph

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/davitdev/davit/graph/transport"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/principal"
)

// follow streams a row: its present state at once, and again after every wake
// of topic, until load reports that it is final, load fails or ctx ends. A
// client that reads slowly is not shown every state, but the last. load checks
// permission each time; it is called once for all subscriptions of a principal,
// with the context of none. An error after the first state ends the stream with
// that error.
func follow[T any](ctx context.Context, r *Resolver, topic string, load func(context.Context) (v T, final bool, err error)) (<-chan T, error) {
	name := fmt.Sprintf("%T %s", *new(T), topic) // an id of another kind is found by nobody
	return followBy(ctx, r, name, func(ctx context.Context) <-chan struct{} { return r.subscribe(ctx, topic) }, load)
}

// followBy is follow with wakes of its own, which begin before the first load
// and end with their context. Who follows by one name follows the same.
func followBy[T any](ctx context.Context, r *Resolver, name string, wakes func(context.Context) <-chan struct{}, load func(context.Context) (v T, final bool, err error)) (<-chan T, error) {
	w, err := r.join(ctx, name, wakes, func(ctx context.Context) (any, bool, error) { return load(ctx) })
	if err != nil {
		return nil, err
	}
	s, err := w.next(ctx)
	if err = cmp.Or(err, s.err); err != nil {
		w.leave()
		return nil, err
	}
	out := make(chan T)
	go func() {
		defer close(out)
		defer recovered(ctx, r.Log)
		defer w.leave()
		for {
			borrow(ctx, s.loaders) // what is below the row is loaded once, too
			v, _ := s.row.(T)
			select {
			case out <- v:
			case <-ctx.Done():
				return
			}
			if s.final {
				return
			}
			if s, err = w.next(ctx); err != nil {
				return
			}
			if s.err != nil {
				transport.EndWith(ctx, s.err)
				return
			}
		}
	}()
	return out, nil
}

// subscribe returns what is woken by topics, and by the end of the session that
// asks: a stream of nothing new ends with it too.
func (r *Resolver) subscribe(ctx context.Context, topics ...string) <-chan struct{} {
	if p, err := principal.From(ctx); err == nil && p.SessionID != "" {
		topics = append(topics, p.SessionID)
	}
	return r.Wakes.Subscribe(ctx, topics...)
}

// again loads anew for a stream that is under way, if whoever asked still is
// who they were.
func again[T any](ctx context.Context, r *Resolver, load func(context.Context) (T, bool, error)) (v T, done bool, err error) {
	if err := r.stillValid(ctx); err != nil {
		return v, false, err
	}
	return load(ctx)
}

// recovered keeps a panic of a stream from ending the process, and ends the
// stream by it: gqlgen recovers resolvers, not the goroutines they start.
func recovered(ctx context.Context, log *slog.Logger) {
	if p := recover(); p != nil {
		log.ErrorContext(ctx, "subscription panicked", "panic", p, "stack", string(debug.Stack()))
		transport.EndWith(ctx, fault.New(fault.Internal, "Something broke on our side. The operator's log has the details."))
	}
}
