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

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/davitdev/davit/internal/wake"
)

// Options say where the queue lives.
type Options struct {
	// RedisURL is a redis://, rediss:// (TLS) or unix:// URL with credentials
	// and database; one database per installation. "" runs a Redis inside
	// this process: empty at start, gone at the end, reachable by nobody else.
	RedisURL string
	Log      *slog.Logger
}

// Queue is a connection to the queue. It is safe for concurrent use.
type Queue struct {
	log      *slog.Logger
	options  *redis.Options
	client   *redis.Client
	tasks    *asynq.Client
	wakes    wake.PublishSubscriber
	embedded *embedded // nil with a Redis of its own
	report   Report
	stop     context.CancelFunc
	running  sync.WaitGroup
}

// Open connects to Redis and fails if it does not answer before ctx ends or
// is older than 6.2. What else is wrong with it is logged and in the Report.
// The caller closes the Queue.
func Open(ctx context.Context, o Options) (*Queue, error) {
	q := &Queue{log: o.Log}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	q.stop = stop
	if o.RedisURL == "" {
		q.embedded = newEmbedded()
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
		q.report = Report{Embedded: true}
		q.wakes = &wake.Hub{}
		return q, nil
	}

	report, err := inspect(ctx, q.client)
	if err != nil {
		return nil, errors.Join(err, q.Close())
	}
	for _, w := range report.Warnings {
		q.log.WarnContext(ctx, "redis: not set up well", "warning", w, "addr", q.options.Addr)
	}
	q.report = report
	bus := wake.NewBus(q.client, q.log)
	q.wakes = bus
	q.running.Go(func() { bus.Run(background) })
	return q, nil
}

// Wake returns the wakes of the installation, joined over the same Redis.
func (q *Queue) Wake() wake.PublishSubscriber { return q.wakes }

// Report returns what Open found out about Redis.
func (q *Queue) Report() Report { return q.report }

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
