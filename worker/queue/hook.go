package queue

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// maxPark is how long an idle dequeue waits for a wake before it asks
	// anyway. It must stay well below asynq's lease of 30 s, which starts
	// before the wait.
	maxPark = 5 * time.Second
	// alonePark is the same where no wake gets lost, because whoever rings is in
	// this process. A script costs the embedded Redis a third of a millisecond
	// and 100 KB of garbage: scripts would be most of what an idle Davit does.
	alonePark = 20 * time.Second

	// errorPause paces an asynq that asks again at once after an error.
	errorPause = 100 * time.Millisecond
)

// hook makes one asynq server wait for wakes instead of polling. asynq asks
// each of its queues in turn for a task; once a whole round was empty, the
// hook holds the answer to the last question back until something was rung,
// asks the round's questions again in the same order and hands the first task
// out as that answer.
//
// Where nobody else has the Redis it also keeps away what asynq says there about
// itself every five seconds.
//
// It knows asynq's scripts by their keys. A command it does not know
// passes untouched, so with a changed asynq it does nothing at all.
type hook struct {
	queues int             // of the server, so the length of a round
	alone  bool            // nobody else has this Redis
	wake   <-chan struct{} // something was rung
	closed <-chan struct{} // from here on no task is handed out
	known  func(redis.Cmder) bool

	recognised chan struct{} // closed at the first dequeue
	once       sync.Once

	mu    sync.Mutex
	round [][]any // the present round's questions without an answer
}

var _ redis.Hook = (*hook)(nil)

func newHook(queues int, wake, closed <-chan struct{}) *hook {
	return &hook{queues: queues, wake: wake, closed: closed, known: isDequeue, recognised: make(chan struct{})}
}

// DialHook and ProcessPipelineHook let everything pass.
func (h *hook) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessPipelineHook lets everything pass.
func (h *hook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// ProcessHook holds dequeues back.
func (h *hook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if h.alone && isServerState(cmd) {
			cmd.(*redis.Cmd).SetVal("OK")
			return nil
		}
		question, ok := cmd.(*redis.Cmd)
		if !ok || !h.known(cmd) {
			return next(ctx, cmd)
		}
		h.once.Do(func() { close(h.recognised) })
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.dequeue(ctx, next, question)
	}
}

// dequeue answers one question of asynq. Any answer but "no task" ends the
// round, because asynq then starts anew.
func (h *hook) dequeue(ctx context.Context, next redis.ProcessHook, question *redis.Cmd) error {
	if h.isClosed() {
		question.SetErr(redis.Nil)
		return redis.Nil
	}
	if err := next(ctx, question); !errors.Is(err, redis.Nil) {
		h.round = h.round[:0]
		if err != nil && !redis.HasErrorPrefix(err, "NOSCRIPT") { // this asynq answers with the script
			h.pause()
		}
		return err
	}
	args := question.Args()
	if slices.ContainsFunc(h.round, func(asked []any) bool { return asked[pendingKey] == args[pendingKey] }) {
		h.round = h.round[:0] // an answer before was an error only asynq saw
	}
	h.round = append(h.round, args)
	if len(h.round) < h.queues {
		return redis.Nil
	}
	defer func() { h.round = h.round[:0] }()
	park := maxPark
	if h.alone {
		park = alonePark
	}
	timeout := time.NewTimer(park)
	defer timeout.Stop()
	for {
		select {
		case <-h.wake:
		case <-timeout.C:
			return redis.Nil
		case <-h.closed:
			return redis.Nil
		}
		for _, args := range h.round {
			if h.isClosed() {
				return redis.Nil
			}
			again := redis.NewCmd(ctx, args...)
			if err := next(ctx, again); !errors.Is(err, redis.Nil) {
				question.SetVal(again.Val())
				question.SetErr(err)
				return err
			}
		}
	}
}

func (h *hook) pause() {
	select {
	case <-time.After(errorPause):
	case <-h.closed:
	}
}

func (h *hook) isClosed() bool {
	select {
	case <-h.closed:
		return true
	default:
		return false
	}
}

// pendingKey is where the first key of a dequeue stands in its arguments.
const pendingKey = 3

// isDequeue reports whether cmd is the dequeue script of asynq 0.26: EVALSHA
// or EVAL with four keys of one queue and two arguments.
func isDequeue(cmd redis.Cmder) bool {
	args := cmd.Args()
	if len(args) != 9 || (args[0] != "evalsha" && args[0] != "eval") || args[2] != 4 {
		return false
	}
	for i, name := range []string{"pending", "paused", "active", "lease"} {
		key, ok := args[pendingKey+i].(string)
		if !ok || !strings.HasPrefix(key, "asynq:{") || !strings.HasSuffix(key, "}:"+name) {
			return false
		}
	}
	return true
}

// isServerState reports whether cmd is the script by which a server of asynq
// 0.26 tells others that it lives and what it works on. That which clears it has
// no arguments but its keys, and passes.
func isServerState(cmd redis.Cmder) bool {
	args := cmd.Args()
	if _, ok := cmd.(*redis.Cmd); !ok || len(args) < pendingKey+4 || (args[0] != "evalsha" && args[0] != "eval") || args[2] != 2 {
		return false
	}
	for i, prefix := range []string{"asynq:servers:{", "asynq:workers:{"} {
		key, ok := args[pendingKey+i].(string)
		if !ok || !strings.HasPrefix(key, prefix) {
			return false
		}
	}
	return true
}
