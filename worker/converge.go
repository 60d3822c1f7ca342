package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	last, done := briefly(ctx, 10*time.Second)
	defer done()
	if rerr := w.Deploy.ReleaseInstance(last, work); rerr != nil {
		err = errors.Join(err, rerr)
	}
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
		return err
	}
	replacing := false
	for _, of := range slots {
		replacing = replacing || slices.ContainsFunc(of, func(in []*ent.Replica) bool { return len(in) > 1 })
	}
	var errs []error
	for _, share := range shares {
		for slot, in := range slots[share.Process] {
			younger, err := w.passSlot(ctx, work, set, place{share.Process, slot}, in, !replacing)
			replacing = replacing || younger
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// passSlot cares for one slot. in are its replicas, oldest first. It reports
// whether it began to replace one, which only mayReplace allows: one slot at a
// time.
func (w *Worker) passSlot(ctx context.Context, work *deploy.Work, set *replicaSet, at place, in []*ent.Replica, mayReplace bool) (replacing bool, err error) {
	for _, r := range in {
		if err := w.observe(ctx, work.Fence(), set, r); err != nil {
			return false, fmt.Errorf("replica %s: %w", r.ID, err)
		}
	}
	if len(in) > 0 {
		newest := in[len(in)-1]
		if newest.Status == lifecycle.ReplicaRunning && newest.Health == lifecycle.HealthHealthy {
			for _, older := range in[:len(in)-1] {
				if err := w.discharge(ctx, work.Fence(), older); err != nil {
					return false, err
				}
			}
		}
		if !newest.Replace || !mayReplace {
			return len(in) > 1, nil
		}
	}
	r, err := w.Deploy.AddReplica(ctx, work.Fence(), work.Active, at.process, at.slot)
	if err != nil {
		return false, err
	}
	return len(in) > 0, w.launch(ctx, work.Fence(), set, r)
}

// launch makes and starts the container of a replica and watches it become
// healthy.
func (w *Worker) launch(ctx context.Context, f deploy.Fence, set *replicaSet, r *ent.Replica) error {
	err := w.create(ctx, f, set, r)
	if errors.Is(err, errLost) {
		return w.succeed(ctx, f, set, r)
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
// run.
func (w *Worker) observe(ctx context.Context, f deploy.Fence, set *replicaSet, r *ent.Replica) error {
	c, err := w.Runner.Inspect(ctx, r.ContainerName)
	switch {
	case errors.Is(err, runner.ErrNotFound):
		return w.relaunch(ctx, f, set, r) // never made, or removed behind our back
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
	moved := c.Addr.IsValid() && (r.Addr == nil || *r.Addr != c.Addr.String())
	if moved || r.Status == lifecycle.ReplicaCreated || r.Status == lifecycle.ReplicaRestarting {
		if err := w.run(ctx, f, set, r); err != nil { // it runs: this writes where
			return err
		}
		w.keepers.drop(r.ID)
	}
	w.keepers.keep(set, r) //nolint:contextcheck // a keeper outlives the pass
	return w.writeHealth(ctx, f, set, r)
}

// writeHealth writes what the keeper of a running replica found.
func (w *Worker) writeHealth(ctx context.Context, f deploy.Fence, set *replicaSet, r *ent.Replica) error {
	health, ok := w.keepers.health(r.ID)
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

// relaunch makes a container that was never made, or a successor of the replica
// whose container was lost.
func (w *Worker) relaunch(ctx context.Context, f deploy.Fence, set *replicaSet, r *ent.Replica) error {
	if r.ContainerID == nil {
		return w.launch(ctx, f, set, r)
	}
	return w.succeed(ctx, f, set, r)
}

// succeed ends a replica and starts another one in its slot.
func (w *Worker) succeed(ctx context.Context, f deploy.Fence, set *replicaSet, r *ent.Replica) error {
	if err := w.discharge(ctx, f, r); err != nil {
		return err
	}
	successor, err := w.Deploy.AddReplica(ctx, f, set.deployment, r.Process, r.Slot)
	if err != nil {
		return err
	}
	return w.launch(ctx, f, set, successor)
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
		w.Recorder.Say(ctx, set.deployment, lifecycle.Warning, fmt.Sprintf("%s ended with exit code %d.", deploy.ReplicaName(r), c.ExitCode))
	}
	if r.Status == lifecycle.ReplicaExited && !r.Replace || r.DueAt > now {
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
