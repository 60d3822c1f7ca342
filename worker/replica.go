package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/runner"
)

// errLost is a container that somebody removed. Its replica gets a successor:
// the record counts a replica's lines, and a container made anew under its id
// would begin at the first again.
var errLost = errors.New("worker: the container was lost")

// create makes the container of a replica, or finds it. It fails with errLost,
// and has made one that must go, if the replica had another one.
func (w *Worker) create(ctx context.Context, f deploy.Fence, set *replicaSet, r *ent.Replica) error {
	s := set.of(r).spec
	s.Name, s.ReplicaID, s.Epoch = r.ContainerName, r.ID, f.Epoch()
	container, err := w.Runner.Create(ctx, s)
	if errors.Is(err, runner.ErrStale) {
		return deploy.ErrOvertaken
	}
	if err != nil {
		return fmt.Errorf("create container: %w", err)
	}
	if r.ContainerID != nil {
		if *r.ContainerID != container.ID {
			return errLost
		}
		return nil
	}
	return w.Deploy.SetReplica(ctx, f, r, func(u *ent.ReplicaUpdate) { u.SetContainerID(container.ID) })
}

// run records what the container will print and starts it.
func (w *Worker) run(ctx context.Context, f deploy.Fence, set *replicaSet, r *ent.Replica) error {
	if err := w.Recorder.Follow(ctx, printerOf(r), set.secrets); err != nil {
		return fmt.Errorf("record output: %w", err)
	}
	if err := w.Runner.Start(ctx, r.ContainerName); err != nil {
		return fmt.Errorf("start container: %w", err)
	}
	container, err := w.Runner.Inspect(ctx, r.ContainerName)
	if err != nil {
		return fmt.Errorf("inspect container: %w", err)
	}
	return w.Deploy.SetReplica(ctx, f, r, func(u *ent.ReplicaUpdate) {
		u.SetStatus(lifecycle.ReplicaStarting).SetHealth(lifecycle.HealthStarting).SetStartedAt(startedAt(container)).ClearEndedAt().SetDueAt(0)
		if container.Addr.IsValid() {
			u.SetAddr(container.Addr.String())
		}
	})
}

// await waits until a started replica is healthy and says so in its row. A
// replica that ends before is an *endedError, one that is not reached, if another
// one would be made, an *unreachedError.
func (w *Worker) await(ctx context.Context, f deploy.Fence, set *replicaSet, r *ent.Replica, another bool) error {
	if err := w.untilWell(ctx, set, r, another); err != nil {
		if ended, ok := errors.AsType[*endedError](err); ok {
			if serr := w.Deploy.SetReplica(ctx, f, r, ended.write); serr != nil {
				return serr
			}
		}
		return err
	}
	return w.Deploy.SetReplica(ctx, f, r, func(u *ent.ReplicaUpdate) {
		u.SetStatus(lifecycle.ReplicaRunning).SetHealth(lifecycle.HealthHealthy).SetFailures(0)
	})
}

// stillRuns fails with an *endedError if a healthy replica has ended since.
func (w *Worker) stillRuns(ctx context.Context, f deploy.Fence, r *ent.Replica) error {
	c, err := w.Runner.Inspect(ctx, r.ContainerName)
	switch {
	case errors.Is(err, runner.ErrNotFound):
		return fmt.Errorf("container vanished: %w", runner.ErrUnavailable)
	case err != nil:
		return fmt.Errorf("inspect container: %w", err)
	case c.State == runner.Running:
		return nil
	}
	ended := w.ended(ctx, r, c)
	if err := w.Deploy.SetReplica(ctx, f, r, ended.write); err != nil {
		return err
	}
	return ended
}

// retire takes a replica out of service, lets it finish its requests for drain,
// stops it within grace and removes its container. It returns once that is
// done, and may be called again for a replica in any state.
func (w *Worker) retire(ctx context.Context, f deploy.Fence, r *ent.Replica, drain, grace time.Duration) error {
	if r.Status != lifecycle.ReplicaDraining {
		err := w.Deploy.SetReplica(ctx, f, r, func(u *ent.ReplicaUpdate) { u.SetStatus(lifecycle.ReplicaDraining).SetDueAt(0) })
		if err != nil {
			return err
		}
	}
	return w.drained(ctx, r, drain, grace)
}

// drained ends a replica that is out of service. That needs no claim: whoever
// does it, it ends the same, and a second one finds nothing left to do.
func (w *Worker) drained(ctx context.Context, r *ent.Replica, drain, grace time.Duration) error {
	// Not twice at once: the second would remove the container under the first,
	// which still reads its output.
	return w.retiring.do(ctx, r.ID, func(ctx context.Context) error { return w.end(ctx, r, drain, grace) })
}

func (w *Worker) end(ctx context.Context, r *ent.Replica, drain, grace time.Duration) error {
	w.keepers.drop(r.ID)
	if r.Addr != nil && drain > 0 {
		if err := w.Router.Drain(ctx, r, drain); err != nil {
			w.Log.WarnContext(ctx, "requests may be cut", "replica", r.ID, "err", err)
		}
	}
	if err := w.Runner.Stop(ctx, r.ContainerName, grace); err != nil {
		return fmt.Errorf("stop container: %w", err)
	}
	last, err := w.Runner.Inspect(ctx, r.ContainerName)
	if err != nil && !errors.Is(err, runner.ErrNotFound) {
		return fmt.Errorf("inspect container: %w", err)
	}
	if err := w.finish(ctx, r); err != nil { // what it printed outlives it
		return err
	}
	if err := w.Runner.Remove(ctx, r.ContainerName); err != nil {
		return fmt.Errorf("remove container: %w", err)
	}
	return w.Deploy.EndReplica(ctx, r, func(u *ent.ReplicaUpdate) {
		if last.State == runner.Exited {
			u.SetLastExitCode(last.ExitCode).SetOomKilled(last.OOMKilled).SetEndedAt(endedAt(last))
		}
	})
}

// finish closes the record of a replica's container.
func (w *Worker) finish(ctx context.Context, r *ent.Replica) error {
	env, err := w.Deploy.OpenVariables(ctx, r.Edges.Deployment.Variables, func(v spec.VariableRef) bool { return v.Runtime && v.Secret })
	if err != nil {
		return fmt.Errorf("secrets of replica: %w", err)
	}
	if err := w.Recorder.Finish(ctx, printerOf(r), env.Secrets); err != nil {
		return fmt.Errorf("record output: %w", err)
	}
	return nil
}

// retireBeside ends a draining replica while the caller goes on, once at a
// time, and asks for another pass when it is done. If it fails, the replica
// stays DRAINING and the reconciler asks again.
func (w *Worker) retireBeside(r *ent.Replica) {
	mine := *r
	w.keepers.beside("retire "+r.ID, func(ctx context.Context) {
		drain := drainOf(mine.Edges.Deployment)
		if err := w.drained(ctx, &mine, drain, drain); err != nil {
			w.Log.WarnContext(ctx, "not retired yet", "replica", mine.ID, "err", err)
			return
		}
		w.touch(ctx, mine.InstanceID)
	})
}

// stopGrace is how long a replica of a deployment that does not go live may
// take to end.
func stopGrace(d *ent.Deployment) time.Duration {
	if d.Settings.DrainTimeout != 0 {
		return min(d.Settings.DrainTimeout, spec.StopGrace)
	}
	return spec.StopGrace
}

func startedAt(c runner.Container) time.Time { return orNow(c.StartedAt) }
func endedAt(c runner.Container) time.Time   { return orNow(c.EndedAt) }

// orNow is t as rows keep it, or the present where the engine does not know.
func orNow(t time.Time) time.Time {
	if t.IsZero() {
		t = time.Now()
	}
	return t.UTC().Truncate(time.Microsecond)
}
