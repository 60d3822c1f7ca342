package graph

import (
	"context"
	"log/slog"
	"runtime/debug"

	"github.com/davitdev/davit/graph/transport"
	"github.com/davitdev/davit/internal/principal"
)

// follow streams a row: its present state at once, and again after every wake
// of topic, until load reports done, load fails or ctx ends. It subscribes
// before it loads, so that no change falls in between. load checks permission
// each time; an error after the first state ends the stream with that error.
func follow[T any](ctx context.Context, r *Resolver, topic string, load func(context.Context) (v T, done bool, err error)) (<-chan T, error) {
	wake := r.Wakes.Subscribe(ctx, topic)
	v, done, err := load(ctx)
	if err != nil {
		return nil, err
	}
	out := make(chan T)
	go func() {
		defer close(out)
		defer recovered(ctx, r.Log)
		for {
			select {
			case out <- v:
			case <-ctx.Done():
				return
			}
			if done {
				return
			}
			select {
			case <-wake:
			case <-ctx.Done():
				return
			}
			if v, done, err = again(ctx, r, load); err != nil {
				transport.EndWith(ctx, err)
				return
			}
		}
	}()
	return out, nil
}

// again loads anew for a stream that is under way, if whoever asked still is
// who they were.
func again[T any](ctx context.Context, r *Resolver, load func(context.Context) (T, bool, error)) (v T, done bool, err error) {
	p, err := principal.From(ctx)
	if err != nil {
		return v, false, err
	}
	if err := r.Auth.StillValid(ctx, p); err != nil {
		return v, false, err
	}
	return load(ctx)
}

// recovered keeps a panic of a stream from ending the process: gqlgen recovers
// resolvers, not the goroutines they start.
func recovered(ctx context.Context, log *slog.Logger) {
	if p := recover(); p != nil {
		log.ErrorContext(ctx, "subscription panicked", "panic", p, "stack", string(debug.Stack()))
	}
}
