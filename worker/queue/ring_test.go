package queue

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/davitdev/davit/internal/wake/redistest"
)

func TestRing(t *testing.T) {
	t.Parallel()

	t.Run("a handler gets the id, before and after it was idle", func(t *testing.T) {
		t.Parallel()
		forBoth(t, func(t *testing.T, q *Queue) {
			handled := make(chan string)
			ring(t, q, "dep_0")
			start(t, q, send(handled), group("deploy", 2))
			for i := range 5 {
				want := fmt.Sprintf("dep_%d", i)
				if got := await(t, handled); got != want {
					t.Fatalf("handled %q, want %q", got, want)
				}
				ring(t, q, fmt.Sprintf("dep_%d", i+1))
			}
			await(t, handled)
		})
	})

	t.Run("an id waits once however often it is rung", func(t *testing.T) {
		t.Parallel()
		forBoth(t, func(t *testing.T, q *Queue) {
			for range 50 {
				ring(t, q, "dep_1", "dep_2")
			}
			// The same id under another type or in another queue is another task.
			for _, other := range []Task{
				{Type: "deployment:clean", ID: "dep_1", Queue: "deploy"},
				{Type: "deployment:run", ID: "dep_1", Queue: "build"},
			} {
				if err := q.Ring(t.Context(), other); err != nil {
					t.Fatal(err)
				}
			}
			all, err := q.Stats(t.Context(), "deploy", "build", "none")
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range all {
				got = append(got, fmt.Sprintf("%s %d", s.Queue, s.Pending))
			}
			if diff := cmp.Diff([]string{"deploy 3", "build 1", "none 0"}, got); diff != "" {
				t.Error(diff)
			}
		})
	})

	t.Run("ringing while the handler runs makes it run once more, never twice at once", func(t *testing.T) {
		t.Parallel()
		forBoth(t, func(t *testing.T, q *Queue) {
			var now, runs atomic.Int64
			begun, goOn := make(chan struct{}, 100), make(chan struct{})
			start(t, q, map[string]Handler{"deployment:run": func(context.Context, string) error {
				if now.Add(1) > 1 {
					t.Error("two handlers at once for one id")
				}
				defer now.Add(-1)
				runs.Add(1)
				begun <- struct{}{}
				<-goOn
				return nil
			}}, group("deploy", 8))
			ring(t, q, "dep_1")
			await(t, begun)
			for range 50 {
				ring(t, q, "dep_1")
			}
			eventually(t, "the other tasks are absorbed", func() bool {
				s := stats(t, q)
				return s.Pending == 0 && s.Active == 1
			})
			close(goOn)
			await(t, begun)
			eventually(t, "all tasks are done", func() bool { return stats(t, q).Active == 0 })
			if n := runs.Load(); n != 2 {
				t.Errorf("the handler ran %d times, want 2", n)
			}
			ring(t, q, "dep_1")
			await(t, begun)
		})
	})

	t.Run("an archived task does not stand in the way", func(t *testing.T) {
		t.Parallel()
		forBoth(t, func(t *testing.T, q *Queue) {
			handled := make(chan string, 1)
			start(t, q, map[string]Handler{"deployment:run": func(_ context.Context, id string) error {
				handled <- id
				return errors.New("no luck")
			}}, group("deploy", 2))
			for i := range 3 {
				ring(t, q, "dep_1")
				await(t, handled)
				eventually(t, "the task is dead", func() bool { return stats(t, q).Dead == i+1 })
			}
		})
	})

	t.Run("a task whose hash was lost does not stand in the way", func(t *testing.T) {
		t.Parallel()
		forBoth(t, func(t *testing.T, q *Queue) {
			ring(t, q, "dep_1")
			loseHashes(t, q)
			ring(t, q, "dep_1")
			loseHashes(t, q)
			handled := make(chan string)
			start(t, q, send(handled), group("deploy", 2))
			eventually(t, "asynq took the tasks without a hash", func() bool { return stats(t, q).Pending == 0 })
			ring(t, q, "dep_1")
			await(t, handled)
		})
	})

	t.Run("a lost task that asynq gave back does not stand in the way", func(t *testing.T) {
		t.Parallel()
		forBoth(t, func(t *testing.T, q *Queue) {
			ring(t, q, "dep_1")
			id := q.client.LIndex(t.Context(), keyOf("deploy", "pending"), 0).Val()
			loseHashes(t, q)
			if err := q.client.HSet(t.Context(), taskKeys("deploy")+id, "state", "pending").Err(); err != nil {
				t.Fatal(err)
			}
			ring(t, q, "dep_1")
			if got := stats(t, q).Pending; got != 2 {
				t.Errorf("%d tasks wait, want the lost one and a new one", got)
			}
		})
	})

	t.Run("a task whose worker died does not stand in the way", func(t *testing.T) {
		t.Parallel()
		forBoth(t, func(t *testing.T, q *Queue) {
			ring(t, q, "dep_1")
			takeAsADyingWorker(t, q)
			ring(t, q, "dep_1")
			if s := stats(t, q); s.Active != 1 || s.Pending != 1 {
				t.Fatalf("got %+v, want the old task active and a new one pending", s)
			}
			handled := make(chan string)
			start(t, q, send(handled), group("deploy", 2))
			await(t, handled)
		})
	})

	t.Run("a lost list stands in the way for ten minutes only", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			q := open(t, "")
			ring(t, q, "dep_1")
			if err := q.client.Del(t.Context(), keyOf("deploy", "pending")).Err(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(lockFor + 2*time.Second)
			ring(t, q, "dep_1")
			if got := stats(t, q).Pending; got != 1 {
				t.Errorf("%d tasks wait, want 1", got)
			}
		})
	})

	t.Run("after Redis forgot everything each id can be rung again", func(t *testing.T) {
		t.Parallel()
		forBoth(t, func(t *testing.T, q *Queue) {
			var ids []string
			for i := range 100 {
				ids = append(ids, fmt.Sprintf("dep_%02d", i))
			}
			ring(t, q, ids...)
			handled, goOn := make(chan string, 1000), make(chan struct{})
			start(t, q, map[string]Handler{"deployment:run": func(_ context.Context, id string) error {
				<-goOn
				handled <- id
				return nil
			}}, group("deploy", 10))
			eventually(t, "all handlers are busy", func() bool { return stats(t, q).Active == 10 })
			if err := q.client.FlushAll(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
			ring(t, q, ids...)
			close(goOn)
			seen := map[string]bool{}
			for len(seen) < len(ids) {
				seen[await(t, handled)] = true
			}
		})
	})

	t.Run("what is no task is refused", func(t *testing.T) {
		t.Parallel()
		q := open(t, "")
		for _, bad := range []Task{
			{ID: "dep_1", Queue: "deploy"},
			{Type: "deployment:run", Queue: "deploy"},
			{Type: "deployment:run", ID: "dep_1"},
			{Type: "deployment:run", ID: strings.Repeat("x", 1e6), Queue: "deploy"},
		} {
			if err := q.Ring(t.Context(), bad); err == nil || len(err.Error()) > 1000 {
				t.Errorf("Ring(%.100v): got %.1000v", bad, err)
			}
		}
	})

	t.Run("without Redis it is an error, with it again it is none", func(t *testing.T) {
		t.Parallel()
		r := redistest.Start(t)
		q := open(t, r.URL())
		ring(t, q, "dep_1")
		r.Kill()
		if err := q.Ring(t.Context(), deploy("dep_1")); err == nil {
			t.Error("rang without Redis")
		}
		r.Restart()
		ring(t, q, "dep_1")
	})

	t.Run("a Redis that stopped answering is an error too", func(t *testing.T) {
		t.Parallel()
		r := redistest.Start(t)
		cut := newProxy(t, r.URL())
		q := open(t, cut.url())
		ring(t, q, "dep_1")
		cut.stall()
		if q.Ring(t.Context(), deploy("dep_2")) == nil {
			t.Error("rang without an answer")
		}
	})
}

// loseHashes deletes the hash of each waiting task, as an eviction would.
func loseHashes(t *testing.T, q *Queue) {
	t.Helper()
	for _, id := range q.client.LRange(t.Context(), keyOf("deploy", "pending"), 0, -1).Val() {
		if err := q.client.Del(t.Context(), taskKeys("deploy")+id).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// takeAsADyingWorker leaves the next task as asynq's dequeue leaves it when
// the worker is killed right after.
func takeAsADyingWorker(t *testing.T, q *Queue) {
	t.Helper()
	id, err := q.client.RPopLPush(t.Context(), keyOf("deploy", "pending"), keyOf("deploy", "active")).Result()
	if err != nil {
		t.Fatal(err)
	}
	lease := time.Now().Add(30 * time.Second).Unix()
	for _, args := range [][]any{
		{"HSET", taskKeys("deploy") + id, "state", "active"},
		{"HDEL", taskKeys("deploy") + id, "pending_since"},
		{"ZADD", keyOf("deploy", "lease"), lease, id},
	} {
		if err := q.client.Do(t.Context(), args...).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// proxy stands between a client and Redis and can go silent, which a killed
// Redis does not.
type proxy struct {
	listener net.Listener
	silent   atomic.Bool
}

func newProxy(t *testing.T, url string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l}
	t.Cleanup(func() { l.Close() })
	backend := strings.TrimSuffix(strings.TrimPrefix(url, "redis://"), "/0")
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", backend)
			if err != nil {
				in.Close()
				continue
			}
			go p.copy(in, out)
			go p.copy(out, in)
		}
	}()
	return p
}

func (p *proxy) copy(to, from net.Conn) {
	defer to.Close()
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if p.silent.Load() {
			continue
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (p *proxy) stall()      { p.silent.Store(true) }
func (p *proxy) url() string { return "redis://" + p.listener.Addr().String() }
