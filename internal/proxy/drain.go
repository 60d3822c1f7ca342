package proxy

import (
	"context"
	"time"

	"github.com/davitdev/davit/internal/fault"
)

const (
	// An upgraded connection that was silent this long loses nothing when it
	// is asked to come back.
	socketIdle = time.Second
	// farewell is how long a websocket has to answer a close frame.
	farewell  = time.Second
	drainTick = 250 * time.Millisecond
)

// drain waits until the targets, none of which may be in the table any more,
// have no requests. Websockets are asked to reconnect (close code 1012) as
// soon as they are silent, and all of them, with the end of other upgraded
// connections, shortly before timeout; plain requests are left alone. It
// returns how many requests are left.
func (s *server) drain(ctx context.Context, ids []Target, timeout time.Duration) (left int64, err error) {
	leaving, err := s.leavingTargets(ids)
	if err != nil {
		return 0, err
	}
	end, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if s.predecessor != nil { // its requests are at these targets too
		select {
		case <-s.predecessor.gone:
		case <-end.Done():
		}
	}
	bye := min(farewell, timeout/2)
	patient, cancel := context.WithTimeout(ctx, timeout-bye-bye/4) // so that the last farewell is over at the end
	defer cancel()
	tick := time.NewTicker(drainTick)
	defer tick.Stop()
	for {
		idle, until := socketIdle, patient
		if patient.Err() != nil {
			idle, until = 0, end
		}
		for _, t := range leaving {
			s.sockets.tell(t, idle, bye) // each time: an upgrade may still be under way
		}
		if end.Err() != nil || finished(leaving) {
			break
		}
		await(until, leaving, tick.C)
	}
	for _, t := range leaving {
		left += t.inflight.Load()
	}
	if s.predecessor != nil {
		select {
		case <-s.predecessor.gone:
		default:
			left++ // nobody knows how many, or whether any is of these
		}
	}
	return left, ctx.Err()
}

// leavingTargets returns the retired targets that still have requests.
func (s *server) leavingTargets(ids []Target) ([]*target, error) {
	s.pushing.Lock()
	defer s.pushing.Unlock()
	r := s.routing.Load()
	var leaving []*target
	for _, id := range ids {
		if r.targets[id] != nil {
			return nil, fault.New(fault.Conflict, "The replica %s is still in version %d of the routes.", id.ReplicaID, r.version)
		}
		for _, t := range s.retired {
			if t.Target == id && !t.finished() {
				leaving = append(leaving, t)
			}
		}
	}
	return leaving, nil
}

func finished(ts []*target) bool {
	for _, t := range ts {
		if !t.finished() {
			return false
		}
	}
	return true
}

// await returns when the first unfinished target finishes, at the next tick or
// when ctx ends.
func await(ctx context.Context, ts []*target, tick <-chan time.Time) {
	for _, t := range ts {
		if !t.finished() {
			select {
			case <-t.gone:
			case <-tick:
			case <-ctx.Done():
			}
			return
		}
	}
}
