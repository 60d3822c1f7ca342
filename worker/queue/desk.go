package queue

import (
	"context"
	"crypto/rand"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// desks hand tasks to the servers of this process that have a handler free,
// past Redis: where nobody else has that Redis, which is then for what has to
// wait, and while it is away. The zero value is ready to use.
type desks struct {
	mu      sync.Mutex
	byQueue map[string]*desk
}

// desk is where one group takes tasks.
type desk struct {
	server *Server
	slots  slots
	ctx    context.Context //nolint:containedctx // of the Run that it belongs to
	queues map[string]int

	mu    sync.Mutex
	tasks map[*Task]bool // being handled
	done  chan struct{}  // holds one; something was handled
}

func (s *Server) openDesk(ctx context.Context, slots slots, g Group) *desk {
	d := &desk{server: s, slots: slots, ctx: ctx, queues: g.Queues, tasks: map[*Task]bool{}, done: make(chan struct{}, 1)}
	all := &s.Queue.desks
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.byQueue == nil {
		all.byQueue = map[string]*desk{}
	}
	for name := range g.Queues {
		all.byQueue[name] = d
	}
	return d
}

// hand reports whether a server took the task.
func (all *desks) hand(t Task) bool {
	all.mu.Lock()
	defer all.mu.Unlock()
	d := all.byQueue[t.Queue]
	if d == nil || d.ctx.Err() != nil {
		return false
	}
	select {
	case d.slots <- struct{}{}:
	default:
		return false // busy
	}
	d.mu.Lock()
	d.tasks[&t] = true
	d.mu.Unlock()
	go d.handle(&t)
	return true
}

// serves reports whether a server of this process has a queue.
func (all *desks) serves(queue string) bool {
	all.mu.Lock()
	defer all.mu.Unlock()
	return all.byQueue[queue] != nil
}

// active counts the tasks of a queue that were handed over.
func (all *desks) active(queue string) (n int) {
	all.mu.Lock()
	d := all.byQueue[queue]
	all.mu.Unlock()
	if d == nil {
		return 0
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for t := range d.tasks {
		if t.Queue == queue {
			n++
		}
	}
	return n
}

// handle handles a task that has a slot.
func (d *desk) handle(t *Task) {
	entered := func(ctx context.Context) (func(), error) { return func() {}, ctx.Err() }
	err := d.server.handle(d.ctx, entered, *t)
	<-d.slots
	if err != nil { // counted like those that asynq gave up
		member := redis.Z{Member: rand.Text(), Score: float64(time.Now().Unix())}
		_ = d.server.Queue.client.ZAdd(context.WithoutCancel(d.ctx), keyOf(t.Queue, "archived"), member).Err() // the log has it
	}
	d.mu.Lock()
	delete(d.tasks, t)
	d.mu.Unlock()
	select {
	case d.done <- struct{}{}:
	default:
	}
}

// close takes no more and waits, as asynq does, for what is being handled; what
// is left after the server's grace goes to Redis.
func (d *desk) close() {
	all := &d.server.Queue.desks
	all.mu.Lock()
	for name := range d.queues {
		delete(all.byQueue, name)
	}
	all.mu.Unlock()
	late := time.NewTimer(d.server.Grace)
	defer late.Stop()
	for {
		d.mu.Lock()
		left := len(d.tasks)
		d.mu.Unlock()
		if left == 0 {
			return
		}
		select {
		case <-d.done:
			continue
		case <-late.C:
		}
		break
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for t := range d.tasks {
		_ = d.server.Queue.enqueue(context.WithoutCancel(d.ctx), *t) // else the reconciler rings
	}
}

// slots are as many as a group may handle at a time.
type slots chan struct{}

// enter waits for a slot, until ctx ends, and returns what gives it back.
func (s slots) enter(ctx context.Context) (leave func(), err error) {
	select {
	case s <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if ctx.Err() != nil {
		<-s
		return nil, ctx.Err()
	}
	return func() { <-s }, nil
}
