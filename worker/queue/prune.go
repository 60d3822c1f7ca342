package queue

import (
	"context"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	pruneEvery = 10 * time.Minute
	keepDead   = 24 * time.Hour // dead tasks are for the operator to look at
	maxDead    = 1000           // of them, per queue, the youngest
	pruneBatch = 1000           // keys a run may delete per queue and kind
)

// pruneNowAndThen deletes what asynq leaves in Redis, until ctx ends. Several
// servers may do so at once.
func (s *Server) pruneNowAndThen(ctx context.Context) {
	tick := time.NewTicker(pruneEvery)
	defer tick.Stop()
	for {
		for _, g := range s.Groups {
			for name := range g.Queues {
				if err := s.Queue.prune(ctx, name); err != nil && ctx.Err() == nil {
					s.Log.WarnContext(ctx, "prune queue", "queue", name, "err", err)
				}
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// prune deletes old dead tasks of a queue, the remains of tasks whose hash was
// lost (asynq hands those out to nobody and never forgets them), and the names
// of servers that ended without saying so.
func (q *Queue) prune(ctx context.Context, queue string) error {
	now := time.Now()
	unix := func(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }
	if err := pruneScript.Run(ctx, q.client,
		[]string{keyOf(queue, "archived"), keyOf(queue, "lease"), keyOf(queue, "active")},
		taskKeys(queue), unix(now.Add(-keepDead)), maxDead, unix(now.Add(-pruneEvery)), pruneBatch,
	).Err(); err != nil {
		return err
	}
	for _, key := range []string{"asynq:servers", "asynq:workers"} {
		if err := q.client.ZRemRangeByScore(ctx, key, "-inf", unix(now)).Err(); err != nil {
			return err
		}
	}
	return nil
}

var pruneScript = redis.NewScript(`
local function forget(ids)
	for _, id in ipairs(ids) do
		redis.call("DEL", ARGV[1] .. id)
		redis.call("ZREM", KEYS[1], id)
	end
end
forget(redis.call("ZRANGEBYSCORE", KEYS[1], "-inf", ARGV[2], "LIMIT", 0, ARGV[5]))
local extra = redis.call("ZCARD", KEYS[1]) - tonumber(ARGV[3])
if extra > 0 then
	forget(redis.call("ZRANGE", KEYS[1], 0, math.min(extra, tonumber(ARGV[5])) - 1))
end
for _, id in ipairs(redis.call("ZRANGEBYSCORE", KEYS[2], "-inf", ARGV[4], "LIMIT", 0, ARGV[5])) do
	if redis.call("HEXISTS", ARGV[1] .. id, "msg") == 0 then
		redis.call("LREM", KEYS[3], 0, id)
		redis.call("ZREM", KEYS[2], id)
		redis.call("DEL", ARGV[1] .. id)
	end
end
return 0
`)
