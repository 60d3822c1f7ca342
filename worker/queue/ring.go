package queue

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

const (
	ringTimeout = 2 * time.Second

	// lockFor is how long asynq refuses a second task for an id of which one
	// waits. Ring lifts the lock as soon as that one does not wait any more;
	// the time is the net under what nobody foresaw, such as a lost list. An
	// id that waits longer may get one more task in that time.
	lockFor = 10 * time.Minute

	// noTimeout keeps asynq from ending handlers: deadlines are in the rows.
	noTimeout = 365 * 24 * time.Hour

	maxIDLen = 128

	// awayFor is how long a Redis that did not take a task is not asked to take
	// another: one that is cut off would have each ring wait for all of its time.
	awayFor = 2 * time.Second
)

var errAway = errors.New("the queue did not answer, and all handlers of this process are busy")

// Task is a doorbell: somebody should look at a row.
type Task struct {
	Type  string // "noun:verb"; lives in Redis across upgrades, never renamed
	ID    string // of the row
	Queue string // served by some Server
}

// lockKey is where asynq keeps the name of the task that holds the lock of
// the id, taskKeys what all names of task hashes begin with.
func (t Task) lockKey() string {
	sum := md5.Sum([]byte(t.ID)) // a name, no protection
	return keyOf(t.Queue, "unique:") + t.Type + ":" + hex.EncodeToString(sum[:])
}

func taskKeys(queue string) string { return keyOf(queue, "t:") }

// keyOf is the name asynq gives a key of a queue.
func keyOf(queue, name string) string { return "asynq:{" + queue + "}:" + name }

func (t Task) validate() error {
	if t.Type == "" || t.Queue == "" || t.ID == "" || len(t.ID) > maxIDLen {
		return fmt.Errorf("a task needs a type, a queue and an id of at most %d bytes, got %+.300v", maxIDLen, t)
	}
	return nil
}

// Ring makes a handler look at the row soon. Ringing for a row that waits
// already changes nothing; ringing while its handler runs makes the handler
// run once more. While Redis is away, a handler of this process takes the task if
// one is free. It takes at most two seconds; if it fails, the caller leaves the
// row to the reconciler.
func (q *Queue) Ring(ctx context.Context, t Task) error {
	if err := t.validate(); err != nil {
		return fmt.Errorf("ring: %w", err)
	}
	away := time.Now().UnixNano() < q.away.Load()
	if (q.alone || away) && q.desks.hand(t) { //nolint:contextcheck // a handler has the context of its server
		return nil
	}
	if away {
		return fmt.Errorf("ring %s for %s: %w", t.Type, t.ID, errAway)
	}
	asking, cancel := context.WithTimeout(ctx, ringTimeout)
	defer cancel()
	if err := q.enqueue(asking, t); err != nil {
		if !q.desks.serves(t.Queue) {
			return fmt.Errorf("ring %s for %s: %w", t.Type, t.ID, err)
		}
		if ctx.Err() == nil { // else it is the caller who is in a hurry
			q.away.Store(time.Now().Add(awayFor).UnixNano())
		}
		if !q.desks.hand(t) { //nolint:contextcheck // as above
			return fmt.Errorf("ring %s for %s: %w", t.Type, t.ID, err)
		}
		return nil
	}
	if q.embedded != nil {
		q.embedded.rings.Add(1)
	}
	q.wakes.Publish(topic(t.Queue))
	return nil
}

// enqueue adds a task unless one waits for the same id. Every task has a name
// of its own and is never retried, so nothing that happened to an earlier one
// (archived, lost, run by a worker that died) stands in its way; only the
// lock of the id does, while a task waits.
func (q *Queue) enqueue(ctx context.Context, t Task) error {
	task := asynq.NewTask(t.Type, []byte(t.ID))
	// More than one round is needed only when others ring in between.
	for range 3 {
		_, err := q.tasks.EnqueueContext(ctx, task, asynq.Queue(t.Queue),
			asynq.Unique(lockFor), asynq.MaxRetry(0), asynq.Timeout(noTimeout))
		if !errors.Is(err, asynq.ErrDuplicateTask) {
			return err
		}
		waits, err := unlockScript.Run(ctx, q.client, []string{t.lockKey()}, taskKeys(t.Queue)).Bool()
		if err != nil {
			return fmt.Errorf("look for a waiting task: %w", err)
		}
		if waits {
			return nil
		}
	}
	return errors.New("the lock of the id cannot be lifted")
}

// unlockScript reports whether the task that holds the lock waits and can be run;
// if not, it lifts the lock. asynq itself lifts it when the task is done,
// which is too late for what changed while the task ran, and never comes for
// one whose worker died.
var unlockScript = redis.NewScript(`
local task = redis.call("GET", KEYS[1])
if not task then
	return 0
end
local state = redis.call("HMGET", ARGV[1] .. task, "state", "msg")
if state[1] == "pending" and state[2] then
	return 1
end
redis.call("DEL", KEYS[1])
return 0
`)

// topic is what a ring publishes to wake the servers of a queue.
func topic(queue string) string { return "queue:" + queue }
