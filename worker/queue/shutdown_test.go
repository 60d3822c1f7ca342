package queue

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/davitdev/davit/internal/wake/redistest"
)

func TestShutdown(t *testing.T) {
	t.Parallel()

	t.Run("an idle server ends at once and begins nothing any more", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) { // fails if a goroutine is left
			q := open(t, "")
			handled := make(chan string, 1)
			stop := start(t, q, send(handled), group("deploy", 2), Group{Queues: map[string]int{"a": 2, "b": 1}, Concurrency: 1})
			time.Sleep(time.Minute)
			before := time.Now()
			stop()
			if took := time.Since(before); took > 10*time.Millisecond {
				t.Errorf("it took %v", took)
			}
			ring(t, q, "dep_1")
			time.Sleep(time.Minute)
			if len(handled) > 0 {
				t.Error("a task was begun after the end")
			}
		})
	})

	t.Run("handlers are told, and what they broke off waits for the next server", func(t *testing.T) {
		t.Parallel()
		forBoth(t, func(t *testing.T, q *Queue) {
			begun := make(chan string)
			stop := start(t, q, map[string]Handler{"deployment:run": func(ctx context.Context, id string) error {
				begun <- id
				<-ctx.Done()
				return fmt.Errorf("broken off: %w", ctx.Err())
			}}, group("deploy", 1))
			ring(t, q, "dep_1", "dep_2")
			await(t, begun)
			stop()
			if s := stats(t, q); s.Pending != 2 || s.Active != 0 || s.Dead != 0 {
				t.Errorf("got %+v, want both tasks waiting", s)
			}
			handled := make(chan string)
			start(t, q, send(handled), group("deploy", 1))
			await(t, handled)
			await(t, handled)
		})
	})

	t.Run("a handler that does not listen is left behind after the grace, its task goes back", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var lines lockedBuffer
			q := open(t, "")
			q.log = slog.New(slog.NewTextHandler(&lines, nil))
			begun, goOn := make(chan struct{}), make(chan struct{})
			stop := start(t, q, map[string]Handler{"deployment:run": func(context.Context, string) error {
				close(begun)
				<-goOn
				return nil
			}}, group("deploy", 1))
			ring(t, q, "dep_1")
			<-begun
			before := time.Now()
			stop()
			if took := time.Since(before); took < 5*time.Second || took > 6*time.Second {
				t.Errorf("it took %v, want the grace of 5 s", took)
			}
			if got := stats(t, q).Pending; got != 1 {
				t.Errorf("%d tasks wait, want 1", got)
			}
			if !strings.Contains(lines.String(), "deployment:run dep_1") {
				t.Error("nobody was told")
			}
			close(goOn)
		})
	})

	t.Run("it ends while Redis is away", func(t *testing.T) {
		t.Parallel()
		r := redistest.Start(t)
		q := open(t, r.URL())
		begun := make(chan struct{})
		stop := start(t, q, map[string]Handler{"deployment:run": func(ctx context.Context, _ string) error {
			close(begun)
			<-ctx.Done()
			return ctx.Err()
		}}, group("deploy", 2))
		ring(t, q, "dep_1")
		await(t, begun)
		r.Kill()
		stop()
	})
}

// Not parallel: it counts goroutines.
func TestNothingIsLeftAfterClose(t *testing.T) {
	r := redistest.Start(t)
	for name, url := range map[string]string{"redis": r.URL(), "embedded": ""} {
		before := runtime.NumGoroutine()
		for range 3 {
			ctx, cancel := context.WithCancel(t.Context())
			q, err := Open(ctx, Options{RedisURL: url, Log: testLog(t)})
			if err != nil {
				t.Fatal(err)
			}
			handled := make(chan string)
			stop := start(t, q, send(handled), group("deploy", 2), group("build", 2))
			ring(t, q, "dep_1")
			await(t, handled)
			q.Wake().Subscribe(ctx, "dep_1")
			stop()
			cancel()
			if err := q.Close(); err != nil {
				t.Error(err)
			}
		}
		eventually(t, name+" leaves no goroutine", func() bool { return runtime.NumGoroutine() <= before })
	}
}
