package docker

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/client"

	"github.com/davitdev/davit/runner"
)

// eventBacklog is how many events wait for a slow reader. The engine waits for
// readers of its events, so nothing may wait longer than that.
const eventBacklog = 1024

// Events subscribes to the engine's events about our containers.
func (e *Engine) Events(ctx context.Context) (<-chan runner.Event, error) {
	s, err := e.connect(ctx)
	if err != nil {
		return nil, err
	}
	// The client tells a failed subscription only later, like a broken one.
	shaking, done := e.answered(ctx, 0)
	defer done()
	if _, err := s.api.Ping(shaking, client.PingOptions{}); err != nil {
		return nil, e.fail(shaking, "events", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	now := time.Now()
	res := s.api.Events(ctx, client.EventsListOptions{
		// The engine answers a moment before it listens; with a time it
		// looks back.
		Since: fmt.Sprintf("%d.%09d", now.Unix(), now.Nanosecond()),
		Filters: e.ours().Add("type", string(events.ContainerEventType)).
			Add("event", string(events.ActionStart), string(events.ActionDie), string(events.ActionOOM), string(events.ActionDestroy)),
	})
	out := make(chan runner.Event, eventBacklog)
	go func() {
		defer cancel()
		defer close(out)
		e.forward(ctx, res, out)
	}()
	return out, nil
}

// forward translates events until the subscription or its reader fails.
func (e *Engine) forward(ctx context.Context, res client.EventsResult, out chan<- runner.Event) {
	for {
		select {
		case <-ctx.Done():
			return
		case err := <-res.Err:
			if isAway(err) {
				e.forget()
			}
			return
		case m := <-res.Messages:
			ev, ok := e.translate(m)
			if !ok {
				continue
			}
			select {
			case out <- ev:
			default: // it compares with List, which is cheaper than catching up
				return
			}
		}
	}
}

// kinds are the events that callers are told of.
var kinds = map[events.Action]runner.EventKind{
	events.ActionStart:   runner.EventStarted,
	events.ActionDie:     runner.EventExited,
	events.ActionDestroy: runner.EventRemoved,
}

// translate also notes what the engine says only here.
func (e *Engine) translate(m events.Message) (runner.Event, bool) {
	name := m.Actor.Attributes["name"]
	if !e.owns(name, m.Actor.Attributes) {
		return runner.Event{}, false
	}
	if m.Action == events.ActionOOM {
		e.oom.note(m.Actor.ID, "")
	}
	kind, ok := kinds[m.Action]
	if kind == runner.EventRemoved {
		e.oom.drop(m.Actor.ID)
		e.left.drop(m.Actor.ID)
	}
	return runner.Event{Kind: kind, Name: name, ReplicaID: m.Actor.Attributes[labelReplica]}, ok
}

// notes remembers something about containers, and is bounded by those that there
// are. The zero value is ready to use.
type notes struct {
	mu sync.Mutex
	id map[string]string
}

func (n *notes) note(id, text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.id == nil {
		n.id = make(map[string]string)
	}
	n.id[id] = text
}

func (n *notes) drop(id string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.id, id)
}

func (n *notes) noted(id string) (text string, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	text, ok = n.id[id]
	return text, ok
}
