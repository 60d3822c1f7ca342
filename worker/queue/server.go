package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/hibiken/asynq"
)

const (
	// A dequeue without a task returns to asynq only now and then (hook.go);
	// then asynq sleeps for this long, deaf to wakes.
	parkedInterval = time.Millisecond

	// polledInterval is asynq's own pace, for an asynq the hook does not know.
	polledInterval = time.Second

	// recogniseWithin is when asynq must have asked for a task: it does so at
	// once, and whether Redis is there or not.
	recogniseWithin = 2 * time.Second

	// never is for asynq's chores over kinds of tasks we do not have: delayed,
	// retried and kept ones.
	never = 24 * time.Hour
)

// Group is a number of handlers that serve some queues and nothing else, so
// that a flood in one group takes no handler from another. A queue with a
// limit of its own is a group of one.
type Group struct {
	// Queues maps names to weights. A queue of weight 3 is asked before one of
	// weight 1 three times out of four; none is left out.
	Queues map[string]int
	// Concurrency is how many handlers run at a time.
	Concurrency int
}

// Server handles tasks. All exported fields are required.
type Server struct {
	Queue    *Queue
	Groups   []Group
	Handlers map[string]Handler // by task type
	// Grace is how long handlers may take to return once their context ended.
	Grace time.Duration
	Log   *slog.Logger

	flights flights
}

// Run handles tasks until ctx ends. Then no further task is begun, the
// handlers' contexts end, and Run returns when they have returned or Grace is
// over; the tasks of those still busy go back to the queue. While Redis is
// away Run waits for it. It is called once and fails only if the Server is
// put together wrongly.
func (s *Server) Run(ctx context.Context) error {
	if err := s.validate(); err != nil {
		return fmt.Errorf("queue server: %w", err)
	}
	var running sync.WaitGroup
	for _, g := range s.Groups {
		running.Go(func() { s.serve(ctx, g) })
	}
	running.Go(func() { s.pruneNowAndThen(ctx) })
	running.Wait()
	if left := s.flights.list(); len(left) > 0 {
		s.Log.WarnContext(ctx, "handlers did not return in time", "grace", s.Grace, "tasks", left)
	}
	return nil
}

func (s *Server) validate() error {
	if len(s.Groups) == 0 || s.Grace <= 0 {
		return errors.New("groups and grace are required")
	}
	seen := map[string]bool{}
	for _, g := range s.Groups {
		if g.Concurrency < 1 || len(g.Queues) == 0 {
			return fmt.Errorf("a group needs queues and a concurrency, got %+v", g)
		}
		for name, weight := range g.Queues {
			if name == "" || weight < 1 || seen[name] {
				return fmt.Errorf("queue %q: needs a name, a weight of at least 1 and one group only", name)
			}
			seen[name] = true
		}
	}
	return nil
}

// serve runs one group until ctx ends.
func (s *Server) serve(ctx context.Context, g Group) {
	topics := make([]string, 0, len(g.Queues))
	for name := range g.Queues {
		topics = append(topics, topic(name))
	}
	h := newHook(len(g.Queues), s.Queue.wakes.Subscribe(ctx, topics...), ctx.Done())
	h.alone = s.Queue.alone
	s.serveWith(ctx, g, h)
}

func (s *Server) serveWith(ctx context.Context, g Group, h *hook) {
	client := s.Queue.connect()
	defer client.Close()
	client.AddHook(h)
	slots := make(slots, g.Concurrency)
	start := func(interval time.Duration) *asynq.Server {
		srv := asynq.NewServerFromRedisClient(client, asynq.Config{
			Concurrency:              g.Concurrency,
			Queues:                   g.Queues,
			TaskCheckInterval:        interval,
			ShutdownTimeout:          s.Grace,
			DelayedTaskCheckInterval: never,
			JanitorInterval:          never,
			Logger:                   logger{s.Log},
		})
		// Start fails only for a server that was started before.
		_ = srv.Start(asynq.HandlerFunc(func(asynqCtx context.Context, t *asynq.Task) error {
			name, _ := asynq.GetQueueName(asynqCtx)
			return s.handle(ctx, slots.enter, Task{Type: t.Type(), ID: string(t.Payload()), Queue: name})
		}))
		return srv
	}

	var ending sync.WaitGroup
	defer ending.Wait()
	desk := s.openDesk(ctx, slots, g)
	ending.Go(func() { <-ctx.Done(); desk.close() }) //nolint:contextcheck // that has ended
	srv := start(parkedInterval)
	select {
	case <-h.recognised:
	case <-ctx.Done():
	case <-time.After(recogniseWithin):
		s.Log.WarnContext(ctx, "this version of asynq cannot be woken; polling instead", "queues", slices.Sorted(maps.Keys(g.Queues)))
		srv.Shutdown()
		srv = start(polledInterval)
	}
	<-ctx.Done()
	srv.Shutdown()
}
