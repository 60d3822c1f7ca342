package queue

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"sync/atomic"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/wake/redistest"
)

func TestRedisIsKilledWhileTasksRun(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"and forgets everything": nil,
		"and comes back with it": {"--appendonly", "yes", "--appendfsync", "always"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := redistest.Start(t, args...)
			q := open(t, r.URL())
			handled, goOn := make(chan string, 10_000), make(chan struct{})
			var now, peak atomic.Int64
			start(t, q, map[string]Handler{"deployment:run": func(ctx context.Context, id string) error {
				peak.Store(max(peak.Load(), now.Add(1)))
				defer now.Add(-1)
				select {
				case <-goOn:
				case <-ctx.Done():
				}
				handled <- id
				return ctx.Err()
			}}, group("deploy", 5))
			var ids []string
			for i := range 50 {
				ids = append(ids, fmt.Sprintf("dep_%02d", i))
			}
			ring(t, q, ids...)
			eventually(t, "all handlers are busy", func() bool { return stats(t, q).Active == 5 })
			r.Kill()
			close(goOn) // they finish while nobody can be told
			for range 5 {
				await(t, handled)
			}
			r.Restart()
			ring(t, q, ids...) // the reconciler's part
			seen := map[string]bool{}
			for len(seen) < len(ids) {
				seen[await(t, handled)] = true
			}
			if p := peak.Load(); p > 5 {
				t.Errorf("%d handlers at once, want at most 5", p)
			}
		})
	}
}

func TestWhileRedisIsAwayTasksGoToWhoeverIsFree(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t)
	r.Kill()
	q := open(t, r.URL())
	if err := q.Ring(t.Context(), deploy("dep_0")); err == nil {
		t.Error("rang without Redis and a server")
	}
	handled, goOn := make(chan string), make(chan struct{})
	start(t, q, map[string]Handler{"deployment:run": func(_ context.Context, id string) error {
		handled <- id
		<-goOn
		return nil
	}}, group("deploy", 2))
	eventually(t, "it serves", func() bool { return q.desks.serves("deploy") })
	ring(t, q, "dep_1", "dep_2")
	if a, b := await(t, handled), await(t, handled); a == b {
		t.Errorf("%s is handled twice", a)
	}
	began := time.Now()
	for range 20 {
		if err := q.Ring(t.Context(), deploy("dep_3")); err == nil {
			t.Error("rang without Redis while all handlers are busy")
		}
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("20 rings took %s: each asks a Redis that is known to be away", took)
	}
	close(goOn)
	r.Restart()
	eventually(t, "Redis takes tasks again", func() bool { return time.Now().UnixNano() > q.away.Load() })
	ring(t, q, "dep_3")
	if id := await(t, handled); id != "dep_3" {
		t.Errorf("%s is handled", id)
	}
}

// That a caller has no time left says nothing about Redis.
func TestWhoHasNoTimeLeftDoesNotSayThatRedisIsAway(t *testing.T) {
	t.Parallel()
	q := open(t, redistest.Start(t).URL())
	handled := make(chan string)
	start(t, q, send(handled), group("deploy", 1))
	eventually(t, "it serves", func() bool { return q.desks.serves("deploy") })
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := q.Ring(gone, deploy("dep_1")); err != nil {
		t.Errorf("a handler is free: %v", err)
	}
	if q.away.Load() != 0 {
		t.Error("Redis is said to be away")
	}
	ring(t, q, "dep_2") // to Redis: the only handler is busy
	if a, b := await(t, handled), await(t, handled); a != "dep_1" || b != "dep_2" {
		t.Errorf("%s and %s are handled", a, b)
	}
}

const workerURL = "QUEUE_TEST_WORKER"

// TestMain lets the test binary be a worker of its own, to be killed.
func TestMain(m *testing.M) {
	url := os.Getenv(workerURL)
	if url == "" {
		os.Exit(m.Run())
	}
	ctx := context.Background()
	q, err := Open(ctx, Options{RedisURL: url, Log: slog.Default()})
	if err != nil {
		panic(err)
	}
	s := &Server{Queue: q, Groups: []Group{group("deploy", 2)}, Grace: time.Second, Log: slog.Default(), Handlers: map[string]Handler{
		"deployment:run": func(ctx context.Context, id string) error {
			fmt.Println(id)
			<-ctx.Done()
			return ctx.Err()
		},
	}}
	if err := s.Run(ctx); err != nil {
		panic(err)
	}
}

func TestAKilledWorkersTaskIsRungAgainAtOnce(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t)
	q := open(t, r.URL())
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	worker := exec.CommandContext(t.Context(), self)
	worker.Env = append(os.Environ(), workerURL+"="+r.URL())
	out, err := worker.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	ring(t, q, "dep_1")
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := worker.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = worker.Wait()

	handled := make(chan string)
	start(t, q, send(handled), group("deploy", 2))
	ring(t, q, "dep_1")
	await(t, handled)
	if s := stats(t, q); s.Active == 0 {
		t.Errorf("got %+v: the dead worker's task was not in the way at all", s)
	}
}
