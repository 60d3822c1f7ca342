package queue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"github.com/davitdev/davit/internal/wake/redistest"
)

func TestServer(t *testing.T) {
	t.Parallel()

	t.Run("1,000 tasks over 3 queues are handled within the limit of each group", func(t *testing.T) {
		t.Parallel()
		forBoth(t, func(t *testing.T, q *Queue) {
			limits := map[string]int64{"deploy": 8, "build": 2, "clean": 1}
			var now, peak [3]atomic.Int64
			var left sync.WaitGroup
			left.Add(1000)
			var seen sync.Map
			handlers := map[string]Handler{}
			var groups []Group
			for i, name := range []string{"deploy", "build", "clean"} {
				groups = append(groups, group(name, int(limits[name])))
				handlers[name+":run"] = func(_ context.Context, id string) error {
					n := now[i].Add(1)
					defer now[i].Add(-1)
					for p := peak[i].Load(); n > p && !peak[i].CompareAndSwap(p, n); p = peak[i].Load() {
					}
					runtime.Gosched()
					if _, twice := seen.LoadOrStore(name+id, true); !twice {
						left.Done()
					}
					return nil
				}
			}
			for i := range 1000 {
				name := []string{"deploy", "build", "clean"}[i%3]
				if err := q.Ring(t.Context(), Task{Type: name + ":run", ID: fmt.Sprint("id_", i), Queue: name}); err != nil {
					t.Fatal(err)
				}
				if i == 500 {
					start(t, q, handlers, groups...)
				}
			}
			left.Wait()
			for i, name := range []string{"deploy", "build", "clean"} {
				if p := peak[i].Load(); p > limits[name] {
					t.Errorf("%d handlers at once for %s, want at most %d", p, name, limits[name])
				}
			}
		})
	})

	t.Run("a flood of builds takes no handler from deploys", func(t *testing.T) {
		t.Parallel()
		forBoth(t, func(t *testing.T, q *Queue) {
			building, deployed := make(chan struct{}, 100), make(chan string)
			handlers := send(deployed)
			handlers["build:run"] = func(ctx context.Context, _ string) error {
				building <- struct{}{}
				<-ctx.Done()
				return ctx.Err()
			}
			for i := range 100 {
				if err := q.Ring(t.Context(), Task{Type: "build:run", ID: fmt.Sprint("bld_", i), Queue: "build"}); err != nil {
					t.Fatal(err)
				}
			}
			start(t, q, handlers, group("build", 2), group("deploy", 2))
			await(t, building)
			await(t, building)
			ring(t, q, "dep_1")
			await(t, deployed)
		})
	})

	t.Run("queues that share a group are served by weight, none is left out", func(t *testing.T) {
		t.Parallel()
		forBoth(t, func(t *testing.T, q *Queue) {
			order := make(chan string, 400)
			handler := func(_ context.Context, id string) error { order <- id[:5]; return nil }
			for i := range 200 {
				for _, name := range []string{"heavy", "light"} {
					if err := q.Ring(t.Context(), Task{Type: "x:run", ID: fmt.Sprint(name, i), Queue: name}); err != nil {
						t.Fatal(err)
					}
				}
			}
			start(t, q, map[string]Handler{"x:run": handler}, Group{Queues: map[string]int{"heavy": 4, "light": 1}, Concurrency: 1})
			count := map[string]int{}
			for range 200 {
				count[await(t, order)]++
			}
			// Expected are 160 and 40; six deviations are 34.
			if count["light"] == 0 || count["heavy"] < 126 {
				t.Errorf("of the first 200: %v", count)
			}
			for range 200 {
				await(t, order)
			}
		})
	})

	t.Run("each queue of a group is woken, in turn and after a pause", func(t *testing.T) {
		t.Parallel()
		forBoth(t, func(t *testing.T, q *Queue) {
			handled := make(chan string)
			start(t, q, map[string]Handler{"x:run": func(_ context.Context, id string) error { handled <- id; return nil }},
				Group{Queues: map[string]int{"a": 5, "b": 3, "c": 1}, Concurrency: 3})
			for i := range 60 {
				id := fmt.Sprint("id_", i)
				if err := q.Ring(t.Context(), Task{Type: "x:run", ID: id, Queue: string("abc"[i%3])}); err != nil {
					t.Fatal(err)
				}
				if got := await(t, handled); got != id {
					t.Fatalf("handled %s, want %s", got, id)
				}
			}
		})
	})

	t.Run("a handler that panics, fails or is missing kills its task only, and is logged", func(t *testing.T) {
		t.Parallel()
		forBoth(t, func(t *testing.T, q *Queue) {
			var lines lockedBuffer
			q.log = slog.New(slog.NewTextHandler(&lines, nil))
			handled := make(chan string)
			handlers := send(handled)
			handlers["x:panic"] = func(_ context.Context, id string) error { var none []string; _ = none[len(id)]; return nil }
			handlers["x:fail"] = func(context.Context, string) error { return errors.New("no luck") }
			start(t, q, handlers, group("deploy", 1))
			for _, typ := range []string{"x:panic", "x:fail", "x:missing"} {
				if err := q.Ring(t.Context(), Task{Type: typ, ID: "id_1", Queue: "deploy"}); err != nil {
					t.Fatal(err)
				}
			}
			ring(t, q, "dep_1")
			await(t, handled)
			eventually(t, "three tasks are dead", func() bool { return stats(t, q).Dead == 3 })
			for _, want := range []string{"index out of range", "server_test.go", "no luck", "no handler for tasks of this type"} {
				if !strings.Contains(lines.String(), want) {
					t.Errorf("the log does not say %q", want)
				}
			}
		})
	})

	t.Run("asynq's own cancelling neither ends a handler nor lets more run than allowed", func(t *testing.T) {
		t.Parallel()
		forBoth(t, func(t *testing.T, q *Queue) {
			var now, peak atomic.Int64
			q.alone = false // so that asynq has them
			begun, goOn := make(chan struct{}, 100), make(chan struct{})
			start(t, q, map[string]Handler{"deployment:run": func(ctx context.Context, _ string) error {
				peak.Store(max(peak.Load(), now.Add(1)))
				defer now.Add(-1)
				begun <- struct{}{}
				select {
				case <-goOn:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			}}, group("deploy", 2))
			ring(t, q, "dep_1", "dep_2")
			await(t, begun)
			await(t, begun)

			// This is what a lease lost while Redis is away does as well:
			// asynq counts the handlers as gone.
			inspector := asynq.NewInspectorFromRedisClient(q.client)
			eventually(t, "asynq gave the tasks up", func() bool {
				for _, id := range q.client.LRange(t.Context(), keyOf("deploy", "active"), 0, -1).Val() {
					if err := inspector.CancelProcessing(id); err != nil { // it may not listen yet
						t.Fatal(err)
					}
				}
				return stats(t, q).Dead == 2
			})
			ring(t, q, "dep_3", "dep_4")
			eventually(t, "asynq began the next ones", func() bool { return stats(t, q).Active == 2 })
			close(goOn)
			await(t, begun)
			await(t, begun)
			if p := peak.Load(); p != 2 {
				t.Errorf("%d handlers at once, want 2", p)
			}
		})
	})

	t.Run("a ring in one process is heard in another", func(t *testing.T) {
		t.Parallel()
		url := redistest.Start(t).URL()
		api, worker := open(t, url), open(t, url)
		handled := make(chan string)
		start(t, worker, send(handled), group("deploy", 2))
		for i := range 20 {
			ring(t, api, fmt.Sprint("dep_", i))
			await(t, handled)
		}
	})

	t.Run("what is put together wrongly is refused", func(t *testing.T) {
		t.Parallel()
		q := open(t, "")
		for _, groups := range [][]Group{
			nil,
			{{Queues: map[string]int{"a": 1}}},
			{{Concurrency: 1}},
			{group("", 1)},
			{{Queues: map[string]int{"a": 0}, Concurrency: 1}},
			{group("a", 1), group("a", 1)},
		} {
			s := &Server{Queue: q, Groups: groups, Grace: time.Second, Log: q.log}
			if s.Run(t.Context()) == nil {
				t.Errorf("%+v was accepted", groups)
			}
		}
	})
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
