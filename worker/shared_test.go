package worker

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
)

func TestShared(t *testing.T) {
	t.Parallel()
	errJob := errors.New("the job's own")

	t.Run("two who ask for one thing get it once", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var s shared[string]
			finish, calls := make(chan struct{}), 0
			errs := make(chan error, 2)
			for range 2 {
				go func() {
					errs <- s.do(t.Context(), "a", func(context.Context) error {
						calls++
						<-finish
						return errJob
					})
				}()
				synctest.Wait()
			}
			if err := s.do(t.Context(), "b", func(context.Context) error { return nil }); err != nil {
				t.Errorf("another key: %v", err)
			}
			close(finish)
			for range 2 {
				if err := <-errs; !errors.Is(err, errJob) {
					t.Errorf("do: %v, want the job's error", err)
				}
			}
			if calls != 1 {
				t.Errorf("%d calls, want 1", calls)
			}
		})
	})

	t.Run("it goes on without the first, and has ended when the last leaves", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var s shared[string]
			var ended bool
			fn := func(ctx context.Context) error {
				<-ctx.Done()
				ended = true
				return ctx.Err()
			}
			first, leaveFirst := context.WithCancel(t.Context())
			last, leaveLast := context.WithCancel(t.Context())
			errs := [2]chan error{make(chan error, 1), make(chan error, 1)}
			go func() { errs[0] <- s.do(first, "a", fn) }()
			synctest.Wait()
			go func() { errs[1] <- s.do(last, "a", fn) }()
			synctest.Wait()
			leaveFirst()
			if err := <-errs[0]; !errors.Is(err, context.Canceled) {
				t.Errorf("the first: %v, want canceled", err)
			}
			synctest.Wait()
			if ended {
				t.Error("the job ended while one waited for it")
			}
			leaveLast()
			if err := <-errs[1]; !errors.Is(err, context.Canceled) {
				t.Errorf("the last: %v, want canceled", err)
			}
			if !ended {
				t.Error("the job runs, and nobody waits for it")
			}
			if err := s.do(t.Context(), "a", func(context.Context) error { return nil }); err != nil {
				t.Errorf("the next: %v", err)
			}
		})
	})

	t.Run("one that panics is an error for all who wait, and not the end of the process", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var s shared[string]
			begin := make(chan struct{})
			errs := make(chan error, 2)
			for range 2 {
				go func() {
					errs <- s.do(t.Context(), "a", func(context.Context) error {
						<-begin
						panic("broken mast")
					})
				}()
			}
			synctest.Wait()
			close(begin)
			for range 2 {
				if err := <-errs; err == nil || !strings.Contains(err.Error(), "broken mast") {
					t.Errorf("do: %v, want what was the matter", err)
				}
			}
			if err := s.do(t.Context(), "a", func(context.Context) error { return nil }); err != nil {
				t.Errorf("the next: %v", err)
			}
		})
	})
}
