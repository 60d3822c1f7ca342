package worker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/runner"
)

// passLimit bounds one pass, which waits for nothing but the engine.
const passLimit = 30 * time.Second

// Converge makes one pass over an instance: it compares what runs with what
// should and does what can be done at once. What takes time, becoming healthy
// and draining, goes on beside it and asks for another pass when it is done.
func (w *Worker) Converge(ctx context.Context, id string) error {
	work, err := claim(ctx, id, w.Owner, w.Deploy.ClaimInstance)
	if err != nil {
		return ignore(err)
	}
	ctx, cancel := context.WithTimeout(ctx, passLimit)
	defer cancel()
	err = w.pass(ctx, work)
	if rerr := giveBack(ctx, func(ctx context.Context) error { return w.Deploy.ReleaseInstance(ctx, work) }); rerr != nil {
		err = errors.Join(err, rerr)
	}
	last, done := briefly(ctx, 10*time.Second)
	defer done()
	if err == nil {
		err = w.ringOperations(last, id)
	}
	if err != nil && !overtaken(err) { // look again soon
		w.Deploy.PostponeInstance(last, id, time.Second) //nolint:errcheck // the reconciler's pass is the net
	}
	return ignore(err)
}

func (w *Worker) pass(ctx context.Context, work *deploy.Work) error {
	shares := work.Shares()
	slots := make(map[string][][]*ent.Replica, len(shares))
	for _, share := range shares {
		slots[share.Process] = make([][]*ent.Replica, share.Replicas)
	}
	for _, r := range work.Replicas {
		d := r.Edges.Deployment
		switch {
		case r.Status == lifecycle.ReplicaDraining:
			w.retireBeside(r)
		case !d.IsActive && d.Status != lifecycle.Completed:
			// its deployment is at work on it
		case !d.IsActive || r.Slot >= len(slots[r.Process]):
			if err := w.discharge(ctx, work.Fence(), r); err != nil {
				return err
			}
		default:
			in := slots[r.Process]
			in[r.Slot] = append(in[r.Slot], r)
		}
	}
	if len(shares) == 0 {
		return nil
	}
	set, err := w.replicaSet(ctx, work.Active)
	if err != nil {
		return errors.Join(err, w.noteEnds(ctx, work.Fence(), slots))
	}
	replacing := false
	var all []*ent.Replica
	for _, of := range slots {
		replacing = replacing || slices.ContainsFunc(of, func(in []*ent.Replica) bool { return len(in) > 1 })
		all = append(all, slices.Concat(of...)...)
	}
	failed := eachAlone(ctx, all, func(ctx context.Context, r *ent.Replica) error {
		_, away, _ := w.keepers.health(r.ID)
		if away && !r.Replace && len(slots[r.Process][r.Slot]) == 1 {
			return w.succeed(ctx, work.Fence(), r)
		}
		return w.observe(ctx, work.Fence(), set, r)
	})
	var fresh []*ent.Replica
	for _, share := range shares {
		for slot, in := range slots[share.Process] {
			if slices.ContainsFunc(in, func(r *ent.Replica) bool { return failed[r.ID] != nil }) {
				continue
			}
			r, busy, err := w.passSlot(ctx, work, place{share.Process, slot}, in, !replacing)
			if err != nil {
				return err
			}
			replacing = replacing || busy
			if r != nil {
				fresh = append(fresh, r)
			}
		}
	}
	maps.Copy(failed, eachAlone(ctx, fresh, func(ctx context.Context, r *ent.Replica) error { return w.launch(ctx, work.Fence(), set, r) }))
	return errors.Join(slices.Collect(maps.Values(failed))...)
}

// eachAlone does the same for all replicas at once, each waiting for the engine
// by itself, and returns the errors by replica.
func eachAlone(ctx context.Context, replicas []*ent.Replica, do func(context.Context, *ent.Replica) error) map[string]error {
	errs := map[string]error{}
	var mu sync.Mutex
	_ = each(ctx, replicas, func(ctx context.Context, r *ent.Replica) error {
		if err := do(ctx, r); err != nil {
			mu.Lock()
			defer mu.Unlock()
			errs[r.ID] = fmt.Errorf("replica %s: %w", r.ID, err)
		}
		return nil // what one meets does not end the others
	})
	return errs
}

// noteEnds notes which replicas do not run any more, while none can be made:
// nobody is to be told that they serve.
func (w *Worker) noteEnds(ctx context.Context, f deploy.Fence, slots map[string][][]*ent.Replica) error {
	var errs []error
	for _, r := range slices.Concat(slices.Collect(maps.Values(slots))...) {
		for _, r := range r {
			c, err := w.Runner.Inspect(ctx, r.ContainerName)
			switch {
			case err != nil && !errors.Is(err, runner.ErrNotFound):
				errs = append(errs, err)
				continue
			case err == nil && c.State == runner.Running, r.Status != lifecycle.ReplicaRunning && r.Status != lifecycle.ReplicaStarting:
				continue
			}
			w.keepers.drop(r.ID)
			errs = append(errs, w.Deploy.SetReplica(ctx, f, r, func(u *ent.ReplicaUpdate) {
				u.SetStatus(lifecycle.ReplicaRestarting).SetHealth(lifecycle.HealthUnhealthy)
			}))
		}
	}
	return errors.Join(errs...)
}

// passSlot cares for one slot. in are its replicas as they were observed, oldest
// first. It returns the one to be launched in it, if any, and whether one that
// serves is being replaced, which only mayReplace allows to begin: one slot at a
// time.
func (w *Worker) passSlot(ctx context.Context, work *deploy.Work, at place, in []*ent.Replica, mayReplace bool) (fresh *ent.Replica, busy bool, err error) {
	in = slices.DeleteFunc(in, func(r *ent.Replica) bool { return r.Status == lifecycle.ReplicaDraining })
	if len(in) > 0 {
		newest := in[len(in)-1]
		if newest.Status == lifecycle.ReplicaRunning && newest.Health == lifecycle.HealthHealthy {
			for _, older := range in[:len(in)-1] {
				if err := w.discharge(ctx, work.Fence(), older); err != nil {
					return nil, false, err
				}
			}
		}
		up := newest.Status == lifecycle.ReplicaRunning || newest.Status == lifecycle.ReplicaStarting
		if !newest.Replace || up && !mayReplace {
			return nil, len(in) > 1, nil
		}
	}
	fresh, err = w.Deploy.AddReplica(ctx, work.Fence(), work.Active, at.process, at.slot)
	return fresh, len(in) > 0, err
}

// launch makes and starts the container of a replica and watches it become
// healthy.
func (w *Worker) launch(ctx context.Context, f deploy.Fence, set *replicaSet, r *ent.Replica) error {
	err := w.create(ctx, f, set, r)
	if errors.Is(err, errLost) {
		return w.discharge(ctx, f, r)
	}
	if err != nil {
		return err
	}
	if err := w.run(ctx, f, set, r); err != nil {
		return err
	}
	w.keepers.drop(r.ID)
	w.keepers.keep(set, r) //nolint:contextcheck // a keeper outlives the pass
	return nil
}

// observe writes what became of a replica and starts it again where it should
// run. One whose container was lost is discharged: its slot gets another one.
func (w *Worker) observe(ctx context.Context, f deploy.Fence, set *replicaSet, r *ent.Replica) error {
	c, err := w.Runner.Inspect(ctx, r.ContainerName)
	switch {
	case errors.Is(err, runner.ErrNotFound) && r.ContainerID != nil: // removed behind our back
		return w.discharge(ctx, f, r)
	case errors.Is(err, runner.ErrNotFound):
		return w.launch(ctx, f, set, r)
	case err != nil:
		return err
	case c.State == runner.Created:
		return w.launch(ctx, f, set, r)
	case c.State == runner.Exited:
		return w.revive(ctx, f, set, r, c)
	}
	if err := w.Recorder.Follow(ctx, printerOf(r), set.secrets); err != nil {
		return err
	}
	if moved(r, c) || r.Status == lifecycle.ReplicaCreated || r.Status == lifecycle.ReplicaRestarting {
		if err := w.run(ctx, f, set, r); err != nil { // it runs: this writes where
			return err
		}
		w.keepers.drop(r.ID)
	}
	w.keepers.keep(set, r) //nolint:contextcheck // a keeper outlives the pass
	return w.writeHealth(ctx, f, set, r)
}

// moved reports whether a container listens elsewhere than its row says.
func moved(r *ent.Replica, c runner.Container) bool {
	return c.Addr.IsValid() && (r.Addr == nil || *r.Addr != c.Addr.String())
}

// writeHealth writes what the keeper of a running replica found.
func (w *Worker) writeHealth(ctx context.Context, f deploy.Fence, set *replicaSet, r *ent.Replica) error {
	health, _, ok := w.keepers.health(r.ID)
	if !ok || health == r.Health && r.Status == lifecycle.ReplicaRunning || health == lifecycle.HealthStarting {
		return nil
	}
	if r.Status == lifecycle.ReplicaStarting && health == lifecycle.HealthUnhealthy {
		// It never became healthy: end it, and let it try again like one that crashed.
		w.keepers.drop(r.ID)
		return w.Runner.Stop(ctx, r.ContainerName, stopGrace(set.deployment))
	}
	return w.Deploy.SetReplica(ctx, f, r, func(u *ent.ReplicaUpdate) { u.SetStatus(lifecycle.ReplicaRunning).SetHealth(health) })
}

// steady is how long a replica must have run for its earlier ends to be
// forgotten.
const steady = time.Minute

// revive notes that a replica ended, and starts it again at once, after a
// while, or not at all.
func (w *Worker) revive(ctx context.Context, f deploy.Fence, set *replicaSet, r *ent.Replica, c runner.Container) error {
	now, err := w.Deploy.DB.NowMillis(ctx)
	if err != nil {
		return err
	}
	if r.Status != lifecycle.ReplicaCrashed && r.Status != lifecycle.ReplicaExited {
		w.keepers.drop(r.ID)
		failures := r.Failures + 1
		if r.StartedAt != nil && endedAt(c).Sub(*r.StartedAt) > steady {
			failures = 1
		}
		status, due := afterEnd(set.settings, c.ExitCode, failures, now)
		err := w.Deploy.SetReplica(ctx, f, r, func(u *ent.ReplicaUpdate) {
			u.SetStatus(status).SetHealth(lifecycle.HealthUnhealthy).SetFailures(failures).SetDueAt(due).
				SetLastExitCode(c.ExitCode).SetOomKilled(c.OOMKilled).SetEndedAt(endedAt(c))
		})
		if err != nil {
			return err
		}
		text := fmt.Sprintf("%s ended with exit code %d.", deploy.ReplicaName(r), c.ExitCode)
		if c.OOMKilled {
			text = deploy.ReplicaName(r) + " was killed: it ran out of memory."
		}
		w.Recorder.Say(ctx, set.deployment, lifecycle.Warning, text)
	}
	if r.Status == lifecycle.ReplicaExited || r.DueAt > now || r.Replace { // which needs no start, but a successor
		return nil
	}
	err = w.Deploy.SetReplica(ctx, f, r, func(u *ent.ReplicaUpdate) {
		u.SetStatus(lifecycle.ReplicaRestarting).SetDueAt(0).AddRestarts(1)
	})
	if err != nil {
		return err
	}
	return w.launch(ctx, f, set, r)
}

// afterEnd says what becomes of a replica that ended for the nth time in a row:
// the first time it starts again at once, then after longer and longer pauses.
func afterEnd(s spec.Settings, exitCode, nth int, now int64) (lifecycle.ReplicaStatus, int64) {
	switch {
	case s.RestartPolicy == spec.RestartNever,
		s.RestartPolicy == spec.RestartOnFailure && exitCode == 0,
		s.RestartMaxRetries > 0 && nth > s.RestartMaxRetries:
		return lifecycle.ReplicaExited, 0
	case nth == 1:
		return lifecycle.ReplicaRestarting, 0
	default:
		return lifecycle.ReplicaCrashed, now + lifecycle.Backoff(nth-1).Milliseconds()
	}
}

// discharge takes a replica out of service and retires it beside the pass.
func (w *Worker) discharge(ctx context.Context, f deploy.Fence, r *ent.Replica) error {
	err := w.Deploy.SetReplica(ctx, f, r, func(u *ent.ReplicaUpdate) { u.SetStatus(lifecycle.ReplicaDraining).SetDueAt(0) })
	if err != nil {
		return err
	}
	w.retireBeside(r)
	return nil
}

// ringOperations lets the operations on an instance look at what was done.
func (w *Worker) ringOperations(ctx context.Context, instanceID string) error {
	ids, err := w.Deploy.WakeOperations(ctx, instanceID)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := w.ring(ctx, deploy.TaskOperate, id); err != nil {
			return err
		}
	}
	return nil
}
