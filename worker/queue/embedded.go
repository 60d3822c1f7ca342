package queue

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

const (
	// What was deleted from a miniredis leaves about 600 bytes a task behind
	// (its version counters for WATCH). After renewIdle rings it is replaced
	// when nothing waits or runs, after renewAlways in any case; the
	// reconciler rings again for what waited.
	renewIdle   = 10_000
	renewAlways = 100_000

	embeddedConns = 8
)

// embedded is a Redis inside this process. It has no port: clients reach it
// through pipes. What it holds is bounded by the rows that wait for work: a
// task is an id, of which one waits at a time (ring.go), nothing is kept of a
// finished one, failed ones are pruned (prune.go), and the memory of the
// deleted is given back by starting over with an empty one.
type embedded struct {
	renewIdle, renewAlways int64
	rings                  atomic.Int64 // since the last renewal

	mu     sync.Mutex
	redis  *miniredis.Miniredis
	closed bool
}

func newEmbedded() *embedded {
	return &embedded{renewIdle: renewIdle, renewAlways: renewAlways, redis: miniredis.NewMiniRedis()}
}

// options returns how to reach it.
func (e *embedded) options() *redis.Options {
	return &redis.Options{
		Dialer: func(context.Context, string, string) (net.Conn, error) { return e.dial() },
		// Each attempt discards one connection to a Redis that was replaced,
		// so a command reaches the present one.
		PoolSize:              embeddedConns,
		MaxRetries:            embeddedConns,
		ReadBufferSize:        4096,
		WriteBufferSize:       4096,
		MaxRetryBackoff:       -1,
		MinRetryBackoff:       -1,
		ContextTimeoutEnabled: true,
	}
}

func (e *embedded) dial() (net.Conn, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, errors.New("the embedded redis is closed")
	}
	conn, err := e.redis.Dial()
	if err != nil {
		return nil, err
	}
	return pipe{conn}, nil
}

// run drives the clock, which miniredis does not do itself, until ctx ends.
func (e *embedded) run(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		now := time.Now()
		e.redis.FastForward(now.Sub(last))
		last = now
		if n := e.rings.Load(); n >= e.renewAlways || n >= e.renewIdle && e.idle() {
			e.renew()
		}
	}
}

// idle reports whether no task waits or runs.
func (e *embedded) idle() bool {
	for _, key := range e.redis.Keys() {
		if strings.HasSuffix(key, ":pending") || strings.HasSuffix(key, ":active") {
			return false
		}
	}
	return true
}

func (e *embedded) renew() {
	e.mu.Lock()
	old := e.redis
	e.redis = miniredis.NewMiniRedis()
	e.rings.Store(0)
	e.mu.Unlock()
	old.Close()
}

// close ends it. Clients must have been closed before.
func (e *embedded) close() {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.redis.Close()
}

// pipe reports a peer that is gone as a socket does, which go-redis takes as a
// reason to try again on another connection.
type pipe struct{ net.Conn }

func (p pipe) Write(b []byte) (int, error) {
	n, err := p.Conn.Write(b)
	return n, asEOF(err)
}

func (p pipe) SetReadDeadline(t time.Time) error  { return asEOF(p.Conn.SetReadDeadline(t)) }
func (p pipe) SetWriteDeadline(t time.Time) error { return asEOF(p.Conn.SetWriteDeadline(t)) }

func asEOF(err error) error {
	if errors.Is(err, io.ErrClosedPipe) {
		return io.EOF
	}
	return err
}
