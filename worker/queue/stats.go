package queue

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

// Stats is the present state of a queue.
type Stats struct {
	Queue   string
	Pending int // wait for a handler
	Active  int // are being handled, or were when their worker died
	Retry   int // wait to be tried again; 0 as long as nobody but us rings
	Dead    int // failed or lost their worker, within a day

	// OldestPending is how long the first in line has waited; 0 if none waits.
	OldestPending time.Duration
}

// Stats returns the state of the named queues, in that order. A queue nobody
// rang yet is an empty one.
func (q *Queue) Stats(ctx context.Context, queues ...string) ([]Stats, error) {
	all := make([]Stats, 0, len(queues))
	for _, name := range queues {
		s, err := q.stats(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("stats of queue %s: %w", name, err)
		}
		all = append(all, s)
	}
	return all, nil
}

func (q *Queue) stats(ctx context.Context, name string) (Stats, error) {
	pipe := q.client.Pipeline()
	pending := pipe.LLen(ctx, keyOf(name, "pending"))
	active := pipe.LLen(ctx, keyOf(name, "active"))
	retry := pipe.ZCard(ctx, keyOf(name, "retry"))
	dead := pipe.ZCard(ctx, keyOf(name, "archived"))
	first := pipe.LIndex(ctx, keyOf(name, "pending"), -1)
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return Stats{}, err
	}
	s := Stats{
		Queue: name, Pending: int(pending.Val()), Active: int(active.Val()) + q.desks.active(name),
		Retry: int(retry.Val()), Dead: int(dead.Val()),
	}
	if first.Val() == "" {
		return s, nil
	}
	since, err := q.client.HGet(ctx, taskKeys(name)+first.Val(), "pending_since").Result()
	if errors.Is(err, redis.Nil) {
		return s, nil // begun in this moment, or handed back by a worker that ended
	}
	if err != nil {
		return Stats{}, err
	}
	nanos, err := strconv.ParseInt(since, 10, 64)
	if err != nil {
		return Stats{}, err
	}
	s.OldestPending = max(0, time.Since(time.Unix(0, nanos)))
	return s, nil
}

// overdueLimit bounds how many tasks of a queue Overdue looks at, the oldest.
const overdueLimit = 1000

// Overdue lists the rows whose tasks have been waiting in the named queues for
// longer than age, each once for each task. It changes nothing.
func (q *Queue) Overdue(ctx context.Context, age time.Duration, queues ...string) ([]string, error) {
	inspector := asynq.NewInspectorFromRedisClient(q.client)
	var out []string
	for _, name := range queues {
		tasks, err := inspector.ListPendingTasks(name, asynq.PageSize(overdueLimit))
		if errors.Is(err, asynq.ErrQueueNotFound) {
			continue // nobody rang it yet
		}
		if err != nil {
			return nil, fmt.Errorf("list tasks of queue %s: %w", name, err)
		}
		for _, t := range tasks {
			since, err := q.client.HGet(ctx, taskKeys(name)+t.ID, "pending_since").Int64()
			if errors.Is(err, redis.Nil) {
				continue // begun meanwhile
			}
			if err != nil {
				return nil, fmt.Errorf("look at a task of queue %s: %w", name, err)
			}
			if time.Since(time.Unix(0, since)) > age {
				out = append(out, string(t.Payload))
			}
		}
	}
	return out, nil
}
