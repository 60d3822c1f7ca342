package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/runner"
)

// Docker 20.10 that is killed while it starts a container may leave a network of
// no process behind, which goes on to answer at an address that is given to
// others later. Whoever gets it is refused everything that is sent to it.
const (
	// unreachedAfter is how long an application has to listen before it is looked
	// whether it does.
	unreachedAfter = time.Second
	// unreachedEvery is the pause between two looks, unreachedTimes how many in a
	// row must say so: it may begin to listen between a question and a look.
	unreachedEvery = 500 * time.Millisecond
	unreachedTimes = 3
)

// unreachedError is a replica that listens, and that nothing reaches.
type unreachedError struct{ replica *ent.Replica }

func (e *unreachedError) Error() string {
	return fmt.Sprintf("%s listens, and nothing that is sent to its container arrives", deploy.ReplicaName(e.replica))
}

// reach tells a replica that does not listen from one that is not reached.
type reach struct {
	next  time.Time
	times int
}

// failed notes what came of a question to a replica, on a port if that is not
// its own, and reports whether it is not reached, as far as it can be known.
func (a *reach) failed(ctx context.Context, w *Worker, r *ent.Replica, port int, err error) bool {
	p, ok := errors.AsType[*runner.ProbeError](err)
	if !ok || p.Reason != runner.Refused && !errors.Is(p.Err, syscall.EHOSTUNREACH) {
		*a = reach{}
		return false
	}
	now := time.Now()
	switch {
	case a.next.IsZero():
		a.next = now.Add(unreachedAfter)
	case now.After(a.next):
		a.next = now.Add(unreachedEvery)
		if !runner.Listens(ctx, w.Runner, r.ContainerName, port) {
			a.times = 0
			return false
		}
		a.times++
	}
	return a.times >= unreachedTimes
}

// elsewhere starts another replica in the place of one that is not reached, and
// then ends that one: while it is there nobody else gets its address.
func (w *Worker) elsewhere(ctx context.Context, c *deploy.Claim, set *replicaSet, replicas []*ent.Replica, lost *ent.Replica) ([]*ent.Replica, error) {
	next, err := w.Deploy.AddReplica(ctx, c.Fence(), c.Row, lost.Process, lost.Slot)
	if err != nil {
		return nil, err
	}
	if err := w.create(ctx, c.Fence(), set, next); err != nil {
		return nil, err
	}
	if err := w.run(ctx, c.Fence(), set, next); err != nil {
		return nil, err
	}
	out := slices.Clone(replicas)
	out[slices.IndexFunc(out, func(r *ent.Replica) bool { return r.ID == lost.ID })] = next
	return out, w.retire(ctx, c.Fence(), lost, 0, stopGrace(c.Row))
}

// succeed lets a replica that serves and is not reached have a successor.
func (w *Worker) succeed(ctx context.Context, f deploy.Fence, r *ent.Replica) error {
	w.Recorder.Say(ctx, r.Edges.Deployment, lifecycle.Warning, (&unreachedError{r}).Error()+". Starting another one.")
	return w.Deploy.SetReplica(ctx, f, r, func(u *ent.ReplicaUpdate) { u.SetReplace(true).SetHealth(lifecycle.HealthUnhealthy) })
}
