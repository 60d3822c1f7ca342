package worker

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
)

// shared does once what several want at the same time. It differs from a
// singleflight in whose context that has: it goes on when one who asked does
// not wait any more, and has ended when the last of them returns.
type shared[K comparable] struct {
	mu   sync.Mutex
	jobs map[K]*job
}

type job struct {
	waiting int // guarded by shared.mu
	cancel  context.CancelFunc
	done    chan struct{} // closed when err is set
	err     error
}

// do returns what fn returns, which is called unless it runs for key already.
func (s *shared[K]) do(ctx context.Context, key K, fn func(context.Context) error) error {
	j := s.join(ctx, key, fn)
	select {
	case <-j.done:
		return j.err
	case <-ctx.Done():
	}
	if s.leave(key, j) {
		j.cancel()
		<-j.done
	}
	return context.Cause(ctx)
}

func (s *shared[K]) join(ctx context.Context, key K, fn func(context.Context) error) *job {
	s.mu.Lock()
	defer s.mu.Unlock()
	if j := s.jobs[key]; j != nil {
		j.waiting++
		return j
	}
	if s.jobs == nil {
		s.jobs = make(map[K]*job)
	}
	j := &job{waiting: 1, done: make(chan struct{})}
	ctx, j.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.jobs[key] = j
	go func() {
		defer close(j.done)
		defer s.forget(key, j)
		defer j.cancel()
		j.err = unlessPanic(ctx, fn)
	}()
	return j
}

// unlessPanic returns what fn returns, or an error if it panicked: that is no
// reason for everything else to end.
func unlessPanic(ctx context.Context, fn func(context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return fn(ctx)
}

// leave reports whether nobody waits any more. Then nobody joins either.
func (s *shared[K]) leave(key K, j *job) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	j.waiting--
	if j.waiting == 0 && s.jobs[key] == j {
		delete(s.jobs, key)
	}
	return j.waiting == 0
}

func (s *shared[K]) forget(key K, j *job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.jobs[key] == j {
		delete(s.jobs, key)
	}
}
