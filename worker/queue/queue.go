// Package queue rings doorbells. It is the only place that knows asynq and the
// Redis below it.
//
// A task carries a type and the id of a row and nothing else, because the row
// is the truth: whoever handles the task claims the row and reads there what
// to do. asynq may deliver a task twice, late or, when Redis was lost, not at
// all; so handlers are idempotent, and a reconciler rings again for every row
// that waits for longer than it should.
package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/wake"
)

// Options say where the queue lives.
type Options struct {
	// RedisURL is a redis://, rediss:// (TLS) or unix:// URL with credentials
	// and database; one database per installation. "" runs a Redis inside
	// this process: empty at start, gone at the end, reachable by nobody else.
	RedisURL string
	// Installation is whose queue it is; "" does not say so in Redis.
	Installation string
	Log          *slog.Logger
}

// Queue is a connection to the queue. It is safe for concurrent use.
type Queue struct {
	log      *slog.Logger
	owner    string // the installation
	options  *redis.Options
	client   *redis.Client
	tasks    *asynq.Client
	wakes    wake.PublishSubscriber
	embedded *embedded    // nil with a Redis of its own
	alone    bool         // nobody but this process has the Redis
	desks    desks        // of the servers of this process
	away     atomic.Int64 // until then Redis is not asked, in Unix nanoseconds
	stop     context.CancelFunc
	running  sync.WaitGroup
}

// Open connects to Redis. It fails for a URL that cannot be used, and for a Redis
// that refuses it or is older than 6.2; none of that tells the password. What
// else is wrong is logged, also that Redis does not answer: tasks go to the
// servers of this process then (Ring). The caller closes the Queue.
func Open(ctx context.Context, o Options) (*Queue, error) {
	q := &Queue{log: o.Log, owner: o.Installation}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	q.stop = stop
	if o.RedisURL == "" {
		q.embedded, q.alone = newEmbedded(), true
		q.options = q.embedded.options()
		q.running.Go(func() { q.embedded.run(background) })
	} else {
		options, err := parseURL(o.RedisURL)
		if err != nil {
			stop()
			return nil, err
		}
		q.options = options
	}
	q.client = q.connect()
	q.tasks = asynq.NewClientFromRedisClient(q.client)
	if q.embedded != nil {
		q.wakes = &wake.Hub{}
		return q, nil
	}

	report, err := q.Inspect(ctx)
	switch {
	case fault.Is(err, fault.Unavailable):
		q.log.WarnContext(ctx, "redis: goes on without it", "err", err, "addr", q.options.Addr)
	case err != nil:
		return nil, errors.Join(err, q.Close())
	}
	for _, w := range report.Warnings {
		q.log.WarnContext(ctx, "redis: not set up well", "warning", w, "addr", q.options.Addr)
	}
	bus := wake.NewBus(q.client, q.log)
	q.wakes = bus
	q.running.Go(func() { bus.Run(background) })
	return q, nil
}

// Wake returns the wakes of the installation, joined over the same Redis.
func (q *Queue) Wake() wake.PublishSubscriber { return q.wakes }

// Inspect asks Redis how it is set up now, and whether it takes what is rung. It fails with fault.Unavailable for one
// that does not answer, and with fault.Invalid for one that is of no use.
func (q *Queue) Inspect(ctx context.Context) (Report, error) {
	if q.embedded != nil {
		return Report{Embedded: true}, nil
	}
	report, err := inspect(ctx, q.client)
	if err == nil && q.owner != "" {
		report.Warnings = append(report.Warnings, q.own(ctx)...)
	}
	return report, err
}

// Close lets go of Redis; the embedded one ends and forgets everything.
// Servers on the Queue must have returned before.
func (q *Queue) Close() error {
	q.stop()
	q.running.Wait()
	err := q.client.Close()
	if q.embedded != nil {
		q.embedded.close()
	}
	if err != nil {
		return fmt.Errorf("close redis client: %w", err)
	}
	return nil
}

// connect returns a client of its own, for one that adds hooks or holds
// connections.
func (q *Queue) connect() *redis.Client {
	options := *q.options
	return redis.NewClient(&options)
}
