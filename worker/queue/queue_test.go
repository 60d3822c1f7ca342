package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/wake/redistest"
	"github.com/davitdev/davit/test/wait"
)

// forBoth runs test on both kinds of Redis; open returns a further process's
// connection to the same one.
func forBoth(t *testing.T, test func(t *testing.T, q *Queue)) {
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		test(t, open(t, ""))
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		test(t, open(t, redistest.Start(t).URL()))
	})
}

func open(tb testing.TB, url string) *Queue {
	tb.Helper()
	q, err := Open(tb.Context(), Options{RedisURL: url, Log: testLog(tb)})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := q.Close(); err != nil {
			tb.Error(err)
		}
	})
	return q
}

func testLog(tb testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(tb.Output(), nil))
}

// start runs a server until the test ends or the returned function is called,
// which returns once the server has.
func start(tb testing.TB, q *Queue, handlers map[string]Handler, groups ...Group) (stop func()) {
	tb.Helper()
	s := &Server{Queue: q, Groups: groups, Handlers: handlers, Grace: 5 * time.Second, Log: q.log}
	ctx, cancel := context.WithCancel(tb.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := s.Run(ctx); err != nil {
			tb.Error(err)
		}
	}()
	stop = sync.OnceFunc(func() { cancel(); <-ended })
	tb.Cleanup(stop)
	return stop
}

// group is a group of one queue.
func group(queue string, concurrency int) Group {
	return Group{Queues: map[string]int{queue: 1}, Concurrency: concurrency}
}

func ring(tb testing.TB, q *Queue, ids ...string) {
	tb.Helper()
	for _, id := range ids {
		if err := q.Ring(tb.Context(), deploy(id)); err != nil {
			tb.Fatal(err)
		}
	}
}

func deploy(id string) Task { return Task{Type: "deployment:run", ID: id, Queue: "deploy"} }

// send makes a handler that tells ch what it handles.
func send(ch chan<- string) map[string]Handler {
	return map[string]Handler{"deployment:run": func(ctx context.Context, id string) error {
		select {
		case ch <- id:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}
}

func await[T any](tb testing.TB, ch <-chan T) T {
	tb.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(30 * time.Second):
		tb.Fatal("nothing came")
		panic("unreachable")
	}
}

// eventually waits until what holds.
func eventually(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	wait.Within(tb, 90*time.Second, what, holds)
}

func stats(tb testing.TB, q *Queue) Stats {
	tb.Helper()
	all, err := q.Stats(tb.Context(), "deploy")
	if err != nil {
		tb.Fatal(err)
	}
	return all[0]
}

func TestOpen(t *testing.T) {
	t.Parallel()

	t.Run("an unusable URL is refused without telling its password", func(t *testing.T) {
		t.Parallel()
		for _, url := range []string{
			"redis://:s3cret@host:port/0", "http://:s3cret@host", "redis://:s3cret@host/x",
			"redis://:s3cret@host/0?s3cret=1", "redis://:s3cret@ho st/0",
		} {
			_, err := Open(t.Context(), Options{RedisURL: url, Log: testLog(t)})
			if f, ok := errors.AsType[*fault.Error](err); !ok || f.Field != "redis-url" || strings.Contains(err.Error(), ":s3cret@") {
				t.Errorf("Open(%q): got %v", url, err)
			}
		}
	})

	t.Run("a Redis that is away or never answers is gone on without", func(t *testing.T) {
		t.Parallel()
		away := redistest.Start(t)
		away.Kill()
		mute, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer mute.Close()
		for _, url := range []string{away.URL(), "redis://" + mute.Addr().String()} {
			q := open(t, url)
			if _, err := q.Inspect(t.Context()); !fault.Is(err, fault.Unavailable) {
				t.Errorf("%s: got %v, want that it does not answer", url, err)
			}
		}
	})

	t.Run("a password is used, a wrong one refused", func(t *testing.T) {
		t.Parallel()
		url := redistest.Start(t).URL()
		admin := redis.NewClient(must(redis.ParseURL(url)))
		defer admin.Close()
		if err := admin.ConfigSet(t.Context(), "requirepass", "s3cret").Err(); err != nil {
			t.Fatal(err)
		}
		right := strings.Replace(url, "redis://", "redis://:s3cret@", 1)
		open(t, right)
		for _, wrong := range []string{url, strings.Replace(url, "redis://", "redis://:wr0ng@", 1)} {
			if _, err := Open(t.Context(), Options{RedisURL: wrong, Log: testLog(t)}); !fault.Is(err, fault.Invalid) || strings.Contains(err.Error(), "wr0ng") {
				t.Errorf("opened without the password: %v", err)
			}
		}
	})

	t.Run("TLS is used, an unknown certificate refused", func(t *testing.T) {
		t.Parallel()
		web := httptest.NewTLSServer(nil) // for its certificate
		defer web.Close()
		m := miniredis.NewMiniRedis()
		if err := m.StartTLS(web.TLS); err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		url := "rediss://" + m.Addr()
		if _, err := Open(t.Context(), Options{RedisURL: url, Log: testLog(t)}); err == nil || !strings.Contains(err.Error(), "x509") {
			t.Errorf("got %v, want the certificate refused", err)
		}
		q := open(t, url+"?skip_verify=true")
		ring(t, q, "dep_1")
		if r := inspected(t, q); r.Version != "" || len(r.Warnings) != 1 {
			t.Errorf("got %+v, want a warning because this Redis has no INFO", r)
		}
	})

	t.Run("a Redis that throws keys away is reported", func(t *testing.T) {
		t.Parallel()
		url := redistest.Start(t, "--maxmemory-policy", "allkeys-lru").URL()
		r := inspected(t, open(t, url))
		if r.Policy != "allkeys-lru" || len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "noeviction") {
			t.Errorf("got %+v, want a warning about the policy", r)
		}
	})

	t.Run("a Redis that two installations have is reported", func(t *testing.T) {
		t.Parallel()
		url := redistest.Start(t).URL()
		ours := func(id, url string) *Queue {
			q, err := Open(t.Context(), Options{RedisURL: url, Installation: id, Log: testLog(t)})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { q.Close() })
			return q
		}
		for range 2 {
			if r := inspected(t, ours("dvt_1", url)); r.Warnings != nil {
				t.Errorf("its own is reported: %q", r.Warnings)
			}
		}
		if r := inspected(t, ours("dvt_2", url)); len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "dvt_1 rings in the same database") {
			t.Errorf("another's is reported as %q", r.Warnings)
		}
		if r := inspected(t, ours("dvt_2", strings.TrimSuffix(url, "/0")+"/1")); r.Warnings != nil {
			t.Errorf("another database is reported: %q", r.Warnings)
		}
	})

	t.Run("a Redis that takes nothing is reported", func(t *testing.T) {
		t.Parallel()
		url := redistest.Start(t, "--min-replicas-to-write", "1").URL()
		q, err := Open(t.Context(), Options{RedisURL: url, Installation: "dvt_1", Log: testLog(t)})
		if err != nil {
			t.Fatal(err)
		}
		defer q.Close()
		if r := inspected(t, q); len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "takes nothing: NOREPLICAS") {
			t.Errorf("it is reported as %q", r.Warnings)
		}
	})

	t.Run("a good Redis is reported without warnings", func(t *testing.T) {
		t.Parallel()
		r := inspected(t, open(t, redistest.Start(t).URL()))
		if r.Embedded || r.Version == "" || r.Policy != "noeviction" || r.Warnings != nil {
			t.Errorf("got %+v", r)
		}
		if diff := cmp.Diff(Report{Embedded: true}, inspected(t, open(t, ""))); diff != "" {
			t.Error(diff)
		}
	})
}

func inspected(tb testing.TB, q *Queue) Report {
	tb.Helper()
	r, err := q.Inspect(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestAtLeast(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]bool{
		"6.2.0": true, "6.2": true, "7.0.15": true, "10.0.0": true, "255.255.255": true,
		"6.0.16": false, "5.0.7": false, "": false, "x": false, "6": false, "6.x": false,
	} {
		if got := atLeast(version, [2]int{6, 2}); got != want {
			t.Errorf("atLeast(%q) = %v, want %v", version, got, want)
		}
	}
}

func TestEmbedded(t *testing.T) {
	t.Parallel()

	t.Run("two share nothing", func(t *testing.T) {
		t.Parallel()
		a, b := open(t, ""), open(t, "")
		ring(t, a, "dep_1")
		if got := stats(t, b).Pending; got != 0 {
			t.Errorf("%d tasks came over", got)
		}
	})

	t.Run("its clock runs", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			q := open(t, "")
			if err := q.client.Set(t.Context(), "k", "v", time.Minute).Err(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(58 * time.Second)
			if n := q.client.Exists(t.Context(), "k").Val(); n != 1 {
				t.Error("gone too early")
			}
			time.Sleep(4 * time.Second)
			if n := q.client.Exists(t.Context(), "k").Val(); n != 0 {
				t.Error("never expired")
			}
		})
	})

	t.Run("it starts over when much was rung, and nobody notices", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			q := open(t, "")
			q.embedded.renewIdle = 100
			q.alone = false // all through it
			present := func() *miniredis.Miniredis {
				q.embedded.mu.Lock()
				defer q.embedded.mu.Unlock()
				return q.embedded.redis
			}
			first := present()
			handled := make(chan string)
			start(t, q, send(handled), group("deploy", 4))
			// What is rung in the moment it starts over is lost, and rung again by the reconciler.
			time.Sleep(25 * time.Millisecond)
			for i := range 300 {
				id := fmt.Sprintf("dep_%d", i)
				ring(t, q, id)
				if got := await(t, handled); got != id {
					t.Fatalf("handled %s, want %s", got, id)
				}
				time.Sleep(50 * time.Millisecond)
			}
			if present() == first {
				t.Error("it is still the first one")
			}
		})
	})

	t.Run("it does not start over while tasks wait, unless there were far too many", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			q := open(t, "")
			q.embedded.renewIdle, q.embedded.renewAlways = 10, 100
			for i := range 50 {
				ring(t, q, fmt.Sprintf("dep_%d", i))
			}
			time.Sleep(time.Minute)
			if got := stats(t, q).Pending; got != 50 {
				t.Errorf("%d of 50 tasks are left", got)
			}
			for i := range 60 {
				ring(t, q, fmt.Sprintf("dep_%d", i))
			}
			time.Sleep(time.Minute)
			if got := stats(t, q).Pending; got != 0 {
				t.Errorf("%d tasks are left, want a fresh Redis", got)
			}
		})
	})
}

func sorted(ids []string) []string { return slices.Sorted(slices.Values(ids)) }
