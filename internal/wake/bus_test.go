package wake_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/davitdev/davit/internal/wake"
	"github.com/davitdev/davit/internal/wake/redistest"
)

// broker is a Redis that tests may take away.
type broker struct {
	client    func() *redis.Client
	kill, run func()
}

var kinds = map[string]func(t *testing.T) broker{
	"redis": func(t *testing.T) broker {
		s := redistest.Start(t)
		return broker{client: s.Client, kill: s.Kill, run: s.Restart}
	},
	"miniredis": func(t *testing.T) broker {
		m := miniredis.RunT(t)
		addr := m.Addr()
		return broker{
			client: func() *redis.Client {
				c := redis.NewClient(&redis.Options{Addr: addr})
				t.Cleanup(func() { c.Close() })
				return c
			},
			kill: m.Close,
			run: func() {
				if err := m.Restart(); err != nil {
					t.Error(err)
				}
			},
		}
	},
}

func forBoth(t *testing.T, test func(t *testing.T, b broker)) {
	for name, start := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, start(t))
		})
	}
}

// join runs a Bus as another process would and returns once it hears others.
func join(t *testing.T, client *redis.Client) *wake.Bus {
	t.Helper()
	b := wake.NewBus(client, slog.New(slog.NewTextHandler(t.Output(), nil)))
	first := b.Subscribe(t.Context(), "first")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); b.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	await(t, first)
	return b
}

func await(t *testing.T, ch <-chan struct{}) {
	t.Helper()
	select {
	case <-ch:
	case <-time.After(20 * time.Second):
		t.Fatal("no wake came")
	}
}

func TestBus(t *testing.T) {
	t.Parallel()

	t.Run("a wake reaches the subscribers of other processes, the own ones once", func(t *testing.T) {
		t.Parallel()
		forBoth(t, func(t *testing.T, r broker) {
			a, b := join(t, r.client()), join(t, r.client())
			own, other, deaf := a.Subscribe(t.Context(), "dep_1"), b.Subscribe(t.Context(), "dep_1"), b.Subscribe(t.Context(), "dep_2")
			a.Publish("dep_1")
			if !pending(own) {
				t.Error("the own subscriber had to wait for Redis")
			}
			await(t, other)

			// Redis keeps the order of a channel: with the answer here, the
			// echo of the own message has come and gone.
			answer := a.Subscribe(t.Context(), "answer")
			b.Publish("answer")
			await(t, answer)
			if pending(own) {
				t.Error("the own message came back from Redis and woke again")
			}
			if pending(deaf) {
				t.Error("woken by a topic it did not subscribe to")
			}
		})
	})

	t.Run("without Redis publishers go on, afterwards everybody is woken", func(t *testing.T) {
		t.Parallel()
		forBoth(t, func(t *testing.T, r broker) {
			a, b := join(t, r.client()), join(t, r.client())
			own, other := a.Subscribe(t.Context(), "dep_1"), b.Subscribe(t.Context(), "dep_1")
			idle := b.Subscribe(t.Context(), "dep_2")
			for range 2 {
				r.kill()
				for range 10_000 {
					a.Publish("dep_1")
				}
				if !pending(own) {
					t.Error("the own subscriber was not woken at once")
				}
				r.run()
				await(t, other)
				await(t, own)
				await(t, idle)
			}
			// The wakes of reconnecting may come in two: each process tells
			// what it kept. Then all is as before.
			for pending(other) {
			}
			a.Publish("dep_1")
			await(t, other)
		})
	})

	t.Run("what Redis did not take is sent again", func(t *testing.T) {
		t.Parallel()
		forBoth(t, func(t *testing.T, r broker) {
			var refuse refusePublish
			refuse.left.Store(3)
			client := r.client()
			client.AddHook(&refuse)
			a, b := join(t, client), join(t, r.client())
			other, deaf := b.Subscribe(t.Context(), "dep_1"), b.Subscribe(t.Context(), "dep_2")
			a.Publish("dep_1")
			await(t, other)
			if pending(deaf) {
				t.Error("a topic nobody published woke")
			}
		})
	})

	t.Run("more topics than are kept wake everybody", func(t *testing.T) {
		t.Parallel()
		forBoth(t, func(t *testing.T, r broker) {
			var refuse refusePublish
			refuse.left.Store(1)
			client := r.client()
			client.AddHook(&refuse)
			a, b := join(t, client), join(t, r.client())
			deaf := b.Subscribe(t.Context(), "dep_none")
			for i := range 5000 {
				a.Publish(fmt.Sprintf("dep_%d", i), fmt.Sprintf("env_%d", i))
			}
			await(t, deaf)
		})
	})
}

// refusePublish fails that many PUBLISH commands, as a broken connection of
// this one process would.
type refusePublish struct{ left atomic.Int64 }

func (r *refusePublish) DialHook(next redis.DialHook) redis.DialHook { return next }

func (r *refusePublish) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (r *refusePublish) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if cmd.Name() == "publish" && r.left.Add(-1) >= 0 {
			err := errors.New("refused")
			cmd.SetErr(err)
			return err
		}
		return next(ctx, cmd)
	}
}

// In a bubble time is faked and a goroutine that is left fails the test.
func TestBusInABubble(t *testing.T) {
	t.Parallel()

	setup := func(t *testing.T, wrap func(net.Conn) net.Conn) *redis.Client {
		m := miniredis.NewMiniRedis()
		c := redis.NewClient(&redis.Options{
			Dialer: func(context.Context, string, string) (net.Conn, error) {
				conn, err := m.Dial()
				return wrap(conn), err
			},
			ContextTimeoutEnabled: true,
		})
		t.Cleanup(func() { c.Close(); m.Close() })
		return c
	}

	t.Run("what was published before the end is sent, then nothing is left", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			client := setup(t, func(c net.Conn) net.Conn { return c })
			a := wake.NewBus(client, slog.New(slog.DiscardHandler))
			b := join(t, client)
			other := b.Subscribe(t.Context(), "dep_1")
			ctx, cancel := context.WithCancel(t.Context())
			a.Publish("dep_1")
			cancel()
			a.Run(ctx)
			await(t, other)
		})
	})

	t.Run("a peer that falls silent is noticed and everybody woken", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var silent atomic.Bool
			client := setup(t, func(c net.Conn) net.Conn { return &mutedConn{Conn: c, muted: &silent} })
			b := join(t, client)
			ch := b.Subscribe(t.Context(), "dep_1")
			time.Sleep(time.Hour) // a quiet but living peer is left alone
			if pending(ch) {
				t.Error("silence alone broke the connection")
			}
			silent.Store(true)
			time.Sleep(time.Minute)
			silent.Store(false)
			time.Sleep(time.Minute)
			if !pending(ch) {
				t.Error("nobody noticed that the peer had vanished")
			}
		})
	})
}

// mutedConn swallows what is written while muted, like a cut cable.
type mutedConn struct {
	net.Conn
	muted *atomic.Bool
}

func (c *mutedConn) Write(p []byte) (int, error) {
	if c.muted.Load() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}
