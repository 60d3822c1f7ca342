package graph

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/vikstrous/dataloadgen"

	"github.com/davitdev/davit/internal/access"
)

// gather is how long a loader waits for more keys of the same level.
const gather = 500 * time.Microsecond

// sharedLimit bounds what is loaded for several responses at once.
const sharedLimit = 30 * time.Second

// batching is how loaders work.
type batching struct {
	wait time.Duration // for more keys
	// shared loaders serve several responses, so that the end of one of them
	// must not end what all wait for.
	shared bool
}

type (
	loadersKey  struct{}
	borrowedKey struct{}
)

// loaders returns fresh loaders.
func (r *Resolver) loaders(shared bool) *loaders {
	b := batching{wait: r.wait, shared: shared}
	if b.wait == 0 {
		b.wait = gather
	}
	return newLoaders(r.DB, b)
}

// withLoaders returns ctx with fresh loaders.
func (r *Resolver) withLoaders(ctx context.Context) context.Context {
	return context.WithValue(ctx, loadersKey{}, r.loaders(false))
}

// withBorrowed returns the ctx of an operation whose responses may be answered
// by shared loaders.
func withBorrowed(ctx context.Context) context.Context {
	return context.WithValue(ctx, borrowedKey{}, new(atomic.Pointer[loaders]))
}

// borrow has the responses of ctx's operation answered by l from now on.
func borrow(ctx context.Context, l *loaders) {
	if b, ok := ctx.Value(borrowedKey{}).(*atomic.Pointer[loaders]); ok {
		b.Store(l)
	}
}

// load returns the loaders of ctx: those it borrowed, else its own.
func load(ctx context.Context) *loaders {
	if b, ok := ctx.Value(borrowedKey{}).(*atomic.Pointer[loaders]); ok {
		if l := b.Load(); l != nil {
			return l
		}
	}
	l, _ := ctx.Value(loadersKey{}).(*loaders)
	return l
}

// newLoader makes a loader of anything by key.
func newLoader[K comparable, V any](b batching, fetch func(context.Context, []K) ([]V, []error)) *dataloadgen.Loader[K, V] {
	if b.shared {
		alone := fetch
		fetch = func(ctx context.Context, keys []K) ([]V, []error) {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sharedLimit)
			defer cancel()
			return alone(ctx, keys)
		}
	}
	return dataloadgen.NewLoader(fetch, dataloadgen.WithWait(b.wait))
}

// byKey makes a loader of single rows. A key without a row is NOT_FOUND.
func byKey[T any](b batching, fetch func(context.Context, []string) ([]*T, error), keyOf func(*T) string) *one[T] {
	return newLoader(b, func(ctx context.Context, keys []string) ([]*T, []error) {
		rows, err := fetch(ctx, keys)
		if err != nil {
			return nil, []error{err}
		}
		found := make(map[string]*T, len(rows))
		for _, r := range rows {
			found[keyOf(r)] = r
		}
		out, errs := make([]*T, len(keys)), make([]error, len(keys))
		for i, k := range keys {
			if out[i] = found[k]; out[i] == nil {
				errs[i] = access.Missing()
			}
		}
		return out, errs
	})
}

// listBy makes a loader of lists. A key without rows is an empty list.
func listBy[T any](b batching, fetch func(context.Context, []string) ([]*T, error), keyOf func(*T) string) *many[T] {
	return newLoader(b, func(ctx context.Context, keys []string) ([][]*T, []error) {
		rows, err := fetch(ctx, keys)
		if err != nil {
			return nil, []error{err}
		}
		found := make(map[string][]*T, len(keys))
		for _, r := range rows {
			k := keyOf(r)
			found[k] = append(found[k], r)
		}
		out := make([][]*T, len(keys))
		for i, k := range keys {
			out[i] = found[k]
		}
		return out, nil
	})
}
