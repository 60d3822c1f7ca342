package process

import (
	"context"
	"time"

	"github.com/davitdev/davit/runner"
)

const (
	eventBacklog = 1024
	// lookForEvents is how often changes are looked for that nobody rang for:
	// a shim that was killed.
	lookForEvents = 2 * time.Second
)

// seen is a container as it was last seen.
type seen struct {
	runner.Container
	run int
}

// Events compares what there is with what there was, whenever the bell rings.
func (r *Runner) Events(ctx context.Context) (<-chan runner.Event, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	bell, err := r.notifier.watch(r.path(bellFile))
	if err != nil {
		return nil, err
	}
	was, err := r.look()
	if err != nil {
		bell.close()
		return nil, err
	}
	out := make(chan runner.Event, eventBacklog)
	go func() {
		defer close(out)
		defer bell.close()
		again := time.NewTicker(lookForEvents)
		defer again.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-bell.wake:
			case <-again.C:
			}
			is, err := r.look()
			if err != nil {
				return
			}
			for _, ev := range changes(was, is) {
				select {
				case out <- ev:
				default: // it compares with List, which is cheaper than catching up
					return
				}
			}
			was = is
		}
	}()
	return out, nil
}

func (r *Runner) look() (map[string]seen, error) {
	all, err := r.records()
	if err != nil {
		return nil, err
	}
	is := make(map[string]seen, len(all))
	for _, rec := range all {
		s, err := r.state(rec.Spec.Name)
		if err != nil {
			return nil, err
		}
		is[rec.Spec.Name] = seen{s.describe(rec), s.Run}
	}
	return is, nil
}

// changes says what happened between two looks.
func changes(was, is map[string]seen) []runner.Event {
	var list []runner.Event
	tell := func(kind runner.EventKind, c seen) {
		list = append(list, runner.Event{Kind: kind, Name: c.Name, ReplicaID: c.ReplicaID})
	}
	for name, before := range was {
		now, there := is[name]
		there = there && now.ID == before.ID
		if before.State == runner.Running && (!there || now.State != runner.Running || now.run != before.run) {
			tell(runner.EventExited, before)
		}
		if !there {
			tell(runner.EventRemoved, before)
		}
	}
	for name, now := range is {
		before, there := was[name]
		if there && now.ID == before.ID && now.run == before.run || now.State == runner.Created {
			continue
		}
		tell(runner.EventStarted, now)
		if now.State == runner.Exited {
			tell(runner.EventExited, now)
		}
	}
	return list
}
