package queue

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

// If this fails after an upgrade of asynq, compare its dequeue script with
// what hook.go assumes before changing isDequeue.
func TestTheHookKnowsThisVersionOfAsynq(t *testing.T) {
	t.Parallel()
	forBoth(t, func(t *testing.T, q *Queue) {
		// An empty script cache makes asynq send EVALSHA and then EVAL.
		if err := q.client.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		client := q.connect()
		defer client.Close()
		var rec recorder
		client.AddHook(&rec)
		rec.dequeued = make(chan string, 100)
		srv := asynq.NewServerFromRedisClient(client, asynq.Config{
			Queues: map[string]int{"deploy": 1}, TaskCheckInterval: time.Millisecond, Logger: logger{q.log},
		})
		if err := srv.Start(asynq.HandlerFunc(func(context.Context, *asynq.Task) error { return nil })); err != nil {
			t.Fatal(err)
		}
		defer srv.Shutdown()
		if a, b := await(t, rec.dequeued), await(t, rec.dequeued); a != "evalsha" || b != "eval" {
			t.Errorf("recognised %s and %s, want evalsha and eval", a, b)
		}
		ring(t, q, "dep_1")
		eventually(t, "the task is done", func() bool {
			s := stats(t, q)
			return s.Pending+s.Active == 0
		})
		if rec.strangers > 0 {
			t.Errorf("%d other commands were taken for a dequeue", rec.strangers)
		}
	})
}

// recorder notes the commands taken for a dequeue, and those wrongly so.
type recorder struct {
	hook
	dequeued  chan string
	strangers int
}

func (r *recorder) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if isDequeue(cmd) {
			if script := cmd.Args()[1].(string); cmd.Name() == "eval" && !strings.Contains(script, "RPOPLPUSH") {
				r.strangers++
			}
			select {
			case r.dequeued <- cmd.Name():
			default:
			}
		}
		return next(ctx, cmd)
	}
}

func TestHook(t *testing.T) {
	t.Parallel()

	t.Run("a wake that got lost costs five seconds at most", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			q := open(t, "")
			q.alone = false // as if others rang too
			handled := make(chan string)
			start(t, q, send(handled), group("deploy", 1), Group{Queues: map[string]int{"a": 1, "b": 1}, Concurrency: 1})
			for range 20 {
				time.Sleep(1234 * time.Millisecond)
				before := time.Now()
				if err := q.enqueue(t.Context(), deploy("dep_1")); err != nil { // no wake
					t.Fatal(err)
				}
				await(t, handled)
				if took := time.Since(before); took > maxPark+10*time.Millisecond {
					t.Errorf("it took %v", took)
				}
			}
		})
	})

	t.Run("idle, it asks Redis less than asynq does by itself", func(t *testing.T) {
		t.Parallel()
		const idle = 2 * time.Minute
		var stock, ours, alone int
		queues := map[string]int{"deploy": 6, "build": 3, "clean": 1}
		synctest.Test(t, func(t *testing.T) {
			q := open(t, "")
			client := q.connect()
			defer client.Close()
			srv := asynq.NewServerFromRedisClient(client, asynq.Config{Queues: queues, Logger: logger{q.log}})
			if err := srv.Start(asynq.HandlerFunc(func(context.Context, *asynq.Task) error { return nil })); err != nil {
				t.Fatal(err)
			}
			defer srv.Shutdown()
			time.Sleep(idle)
			stock = q.embedded.redis.CommandCount()
		})
		idleFor := func(count *int, aloneWithIt bool) {
			synctest.Test(t, func(t *testing.T) {
				q := open(t, "")
				q.alone = aloneWithIt
				start(t, q, nil, group("deploy", 1), group("build", 1), group("clean", 1))
				time.Sleep(idle)
				*count = q.embedded.redis.CommandCount()
			})
		}
		idleFor(&ours, false)
		idleFor(&alone, true)
		t.Logf("in %v, scripts counted with what they call: %d, in a Redis that nobody else has %d, asynq by itself %d", idle, ours, alone, stock)
		if ours > stock {
			t.Errorf("%d commands, asynq by itself %d", ours, stock)
		}
		if alone > ours/2 {
			t.Errorf("%d commands in a Redis that nobody else has, %d in another", alone, ours)
		}
	})

	t.Run("every queue is still woken after Redis forgot its scripts", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			q := open(t, "")
			handled := make(chan string)
			start(t, q, send(handled), Group{Queues: map[string]int{"deploy": 5, "a": 3, "b": 1}, Concurrency: 1})
			for i := range 60 {
				time.Sleep(1234 * time.Millisecond)
				if err := q.client.ScriptFlush(t.Context()).Err(); err != nil {
					t.Fatal(err)
				}
				task := deploy("dep_1")
				task.Queue = []string{"deploy", "a", "b"}[i%3]
				before := time.Now()
				if err := q.Ring(t.Context(), task); err != nil {
					t.Fatal(err)
				}
				await(t, handled)
				if took := time.Since(before); took > 20*time.Millisecond {
					t.Errorf("it took %v", took)
				}
			}
		})
	})

	t.Run("while Redis is away it is asked ten times a second, not all the time", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			asked := 0
			h := newHook(1, nil, t.Context().Done())
			ask := h.ProcessHook(func(context.Context, redis.Cmder) error { asked++; return errors.New("away") })
			for began := time.Now(); time.Since(began) < 10*time.Second; {
				if err := ask(t.Context(), dequeue(t.Context())); err == nil || err.Error() != "away" {
					t.Fatalf("got %v", err)
				}
			}
			if asked != 100 {
				t.Errorf("asked %d times in 10 s, want 100", asked)
			}
		})
	})

	t.Run("once closed it takes no task out of Redis", func(t *testing.T) {
		t.Parallel()
		closed := make(chan struct{})
		close(closed)
		ask := newHook(1, nil, closed).ProcessHook(func(context.Context, redis.Cmder) error {
			t.Error("Redis was asked")
			return nil
		})
		cmd := dequeue(t.Context())
		if err := ask(t.Context(), cmd); !errors.Is(err, redis.Nil) || !errors.Is(cmd.Err(), redis.Nil) {
			t.Errorf("got %v and %v, want no task", err, cmd.Err())
		}
	})

	t.Run("an asynq it does not know is left to poll, and the operator told", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var lines lockedBuffer
			q := open(t, "")
			handled := make(chan string)
			s := &Server{
				Queue: q, Handlers: send(handled), Grace: time.Second,
				Log: slog.New(slog.NewTextHandler(&lines, nil)),
			}
			ctx, cancel := context.WithCancel(t.Context())
			h := newHook(1, nil, ctx.Done())
			h.known = func(redis.Cmder) bool { return false }
			ended := make(chan struct{})
			go func() { defer close(ended); s.serveWith(ctx, group("deploy", 1), h) }()
			time.Sleep(time.Minute)
			if !strings.Contains(lines.String(), "polling instead") {
				t.Error("nobody was told")
			}
			counted := q.embedded.redis.CommandCount()
			time.Sleep(time.Minute)
			if n := q.embedded.redis.CommandCount() - counted; n > 60*5 {
				t.Errorf("%d commands in an idle minute", n)
			}
			for range 5 {
				ring(t, q, "dep_1")
				await(t, handled)
			}
			cancel()
			<-ended
		})
	})
}

// dequeue is the command by which asynq asks for a task.
func dequeue(ctx context.Context) *redis.Cmd {
	key := func(name string) string { return keyOf("deploy", name) }
	return redis.NewCmd(ctx, "evalsha", "0123", 4, key("pending"), key("paused"), key("active"), key("lease"), 1, taskKeys("deploy"))
}
