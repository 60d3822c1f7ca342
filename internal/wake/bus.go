package wake

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// channel is shared by all processes of an installation. Another
	// installation on the same Redis only causes wakes nobody subscribed to.
	channel = "davit:wake"

	// maxPending bounds what waits for Redis. Above it the topics are
	// forgotten and everybody is woken, which is always right.
	maxPending = 1024

	sendTimeout = time.Second
	minBackoff  = 50 * time.Millisecond
	maxBackoff  = 2 * time.Second
)

// Bus is a Hub joined to the hubs of other processes over Redis pub/sub. It
// may be used before Run and after it; then it wakes inside the process only.
//
// Subscribers of this process are woken by Publish itself. Other processes
// learn of it in batches sent in the background; while Redis is away the
// batch is kept, and what does not fit becomes "wake all".
type Bus struct {
	hub    Hub
	redis  redis.UniversalClient
	log    *slog.Logger
	origin string
	quiet  time.Duration // silence after which the connection is tested

	mu      sync.Mutex
	pending map[string]struct{}
	all     bool          // pending overflowed
	kick    chan struct{} // something is pending
}

var _ PublishSubscriber = (*Bus)(nil)

// NewBus returns a Bus over the client, which stays the caller's. Its timeouts
// say how soon a Redis that does not answer counts as away.
func NewBus(client redis.UniversalClient, log *slog.Logger) *Bus {
	return &Bus{
		redis: client, log: log, origin: rand.Text(), quiet: 10 * time.Second,
		pending: map[string]struct{}{}, kick: make(chan struct{}, 1),
	}
}

// Subscribe returns a channel that is woken by any of the topics, published
// in whatever process, until ctx ends. Whenever the Bus reached Redis anew,
// every channel is woken once: nobody knows what was missed.
func (b *Bus) Subscribe(ctx context.Context, topics ...string) <-chan struct{} {
	return b.hub.Subscribe(ctx, topics...)
}

// Publish wakes this process's subscribers at once and those of others as
// soon as Redis takes it.
func (b *Bus) Publish(topics ...string) {
	b.hub.Publish(topics...)
	b.add(topics)
}

// Run joins the Bus to Redis until ctx ends; what was published before is
// still sent if Redis takes it within a second. When Run returns, nothing of
// the Bus runs any more. Call it once.
func (b *Bus) Run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { b.send(ctx) })
	wg.Go(func() { b.listen(ctx) })
	wg.Wait()
}

func (b *Bus) add(topics []string) {
	b.mu.Lock()
	for _, topic := range topics {
		b.pending[topic] = struct{}{}
	}
	if len(b.pending) > maxPending {
		b.all = true
	}
	if b.all {
		clear(b.pending)
	}
	b.mu.Unlock()
	wake(b.kick)
}

// take empties what is pending. No topics and all set means everybody.
func (b *Bus) take() (topics []string, all bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for topic := range b.pending {
		topics = append(topics, topic)
	}
	all = b.all
	clear(b.pending)
	b.all = false
	return topics, all
}

// send passes what is pending on to other processes. Whatever is published
// while one batch is on its way goes into the next.
func (b *Bus) send(ctx context.Context) {
	wait := backoff{}
	for {
		select {
		case <-b.kick:
		case <-ctx.Done():
			_ = b.flush(context.WithoutCancel(ctx))
			return
		}
		if err := b.flush(ctx); err != nil {
			if wait.first() {
				b.log.WarnContext(ctx, "wake: cannot tell other processes", "err", err)
			}
			wake(b.kick)
			wait.sleep(ctx)
			continue
		}
		wait = backoff{}
	}
}

// flush sends what is pending and keeps it if Redis did not take it.
func (b *Bus) flush(ctx context.Context) error {
	topics, all := b.take()
	if len(topics) == 0 && !all {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	message := strings.Join(append([]string{b.origin}, topics...), "\n")
	if err := b.redis.Publish(ctx, channel, message).Err(); err != nil {
		b.mu.Lock()
		b.all = b.all || all
		b.mu.Unlock()
		b.add(topics)
		return fmt.Errorf("publish: %w", err)
	}
	return nil
}
