package wake

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"
)

// receive wakes for a message of another process.
func (b *Bus) receive(message string) {
	origin, rest, some := strings.Cut(message, "\n")
	switch {
	case origin == b.origin: // Publish woke them already
	case some:
		b.hub.Publish(strings.Split(rest, "\n")...)
	default:
		b.hub.publishAll()
	}
}

// listen keeps a subscription to Redis until ctx ends.
func (b *Bus) listen(ctx context.Context) {
	wait := backoff{}
	for {
		err := b.follow(ctx, func() {
			if !wait.first() {
				b.log.InfoContext(ctx, "wake: hearing other processes again")
			}
			wait = backoff{}
		})
		if ctx.Err() != nil {
			return
		}
		if wait.first() {
			b.log.WarnContext(ctx, "wake: cannot hear other processes", "err", err)
		}
		wait.sleep(ctx)
	}
}

// follow subscribes and wakes for what comes until the connection ends. joined
// is called each time the subscription stands.
func (b *Bus) follow(ctx context.Context, joined func()) error {
	sub := b.redis.Subscribe(ctx, channel)
	defer sub.Close()
	defer context.AfterFunc(ctx, func() { sub.Close() })()
	asked := false
	for {
		message, err := sub.ReceiveTimeout(ctx, b.quiet)
		if isTimeout(err) && !asked {
			// A peer that vanished without a word looks like a quiet one.
			asked = true
			if err = sub.Ping(ctx); err == nil {
				continue
			}
		}
		if err != nil {
			return fmt.Errorf("subscribe: %w", err)
		}
		asked = false
		switch m := message.(type) {
		case *redis.Subscription:
			joined()
			b.hub.publishAll()
		case *redis.Message:
			b.receive(m.Payload)
		}
	}
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}
