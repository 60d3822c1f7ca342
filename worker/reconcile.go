package worker

import (
	"context"
	"errors"
	"time"

	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/runner"
)

const (
	sweepEvery = time.Second     // for work that waits
	passEvery  = 5 * time.Second // for what runs and should not, and the reverse

	// recordEvery is how often somebody is sent to a replica that serves and
	// whose output nobody records. A log that takes nothing holds them up.
	recordEvery = 30 * time.Second
)

// relay rings for what transactions left in the outbox: at once when woken,
// and now and then in case a wake was lost.
func (w *Worker) relay(ctx context.Context) error {
	wake := w.Wakes.Subscribe(ctx, deploy.OutboxTopic)
	tick := time.NewTicker(passEvery)
	defer tick.Stop()
	for {
		err := unlessPanic(ctx, func(ctx context.Context) error {
			_, err := w.Deploy.Relay(ctx, w.ring)
			return err
		})
		if err != nil && ctx.Err() == nil {
			w.Log.WarnContext(ctx, "relay goes on later", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-tick.C:
		}
	}
}

// reconcile is the net under everything: it finds what waits without a
// doorbell, what a dead process left, what is overdue, and what runs otherwise
// than it should. One process of the installation does it at a time.
func (w *Worker) reconcile(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	defer func() {
		last, cancel := briefly(ctx, 5*time.Second)
		defer cancel()
		w.Deploy.Resign(last, deploy.Reconciler, w.Owner) //nolint:errcheck // its lease ends anyway
	}()
	var passed, led time.Time
	clock := clockWatch{began: time.Now()}
	leads := false
	for {
		var err error
		clock.look(time.Now().Round(0), time.Since(clock.began))
		if !leads || time.Since(led) >= deploy.Lease/4 {
			led = time.Now()
			leads, err = w.Deploy.Lead(ctx, deploy.Reconciler, w.Owner)
			clock.mended = clock.mended && leads
		}
		if err == nil && leads {
			err = w.mendClock(ctx, &clock)
		}
		if err == nil && leads {
			err = unlessPanic(ctx, w.sweep)
			if time.Since(passed) >= passEvery {
				passed = time.Now()
				w.compareBeside()
			}
		}
		if err != nil && ctx.Err() == nil {
			w.Log.WarnContext(ctx, "reconciler goes on later", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// sweep ends what is overdue, begins what is due and rings for what waits.
func (w *Worker) sweep(ctx context.Context) error {
	if quiet, err := w.Deploy.Quiet(ctx); quiet || err != nil {
		return err
	}
	_, err := w.Deploy.EndOverdue(ctx)
	err = errors.Join(err, w.Deploy.RunDue(ctx))
	bells, werr := w.Deploy.Waiting(ctx)
	for _, b := range bells {
		werr = errors.Join(werr, w.ring(ctx, b.Task, b.ID))
	}
	return errors.Join(err, werr)
}

// compareBeside compares while the caller goes on: deadlines and leases wait
// for no engine.
func (w *Worker) compareBeside() {
	w.keepers.beside("compare", func(ctx context.Context) {
		if err := w.compare(ctx); err != nil && ctx.Err() == nil {
			w.Log.WarnContext(ctx, "what runs is compared later", "err", err)
		}
	})
}

// compare holds the engine's containers against the rows: it touches the
// instances whose replicas are not as they should be, and removes what belongs
// to no row.
func (w *Worker) compare(ctx context.Context) error {
	containers, err := w.Runner.List(ctx) // before the rows: a row is older than its container
	if err != nil {
		return err
	}
	watched := w.keepers.ids()
	rows, err := w.Deploy.LiveReplicas(ctx)
	if err != nil {
		return err
	}
	running := make(map[string]runner.Container, len(containers))
	for _, c := range containers {
		running[c.Name] = c
	}
	touched := map[string]bool{}
	record := time.Since(w.recorded) >= recordEvery
	for _, r := range rows {
		c, exists := running[r.ContainerName]
		delete(running, r.ContainerName)
		delete(watched, r.ID)
		d := r.Edges.Deployment
		if !d.IsActive && d.Status != lifecycle.Completed {
			continue // its deployment is at work on it
		}
		serving := r.Status == lifecycle.ReplicaRunning || r.Status == lifecycle.ReplicaStarting
		asItShould := serving && exists && c.State == runner.Running && !moved(r, c) && d.IsActive && w.kept(r.ID) ||
			(r.Status == lifecycle.ReplicaExited || r.Status == lifecycle.ReplicaCrashed && r.DueAt > 0) && exists && c.State == runner.Exited && d.IsActive
		if asItShould && record && c.State == runner.Running && !w.Recorder.follows(r.ID) {
			w.recorded, asItShould = time.Now(), false
		}
		if !asItShould && !touched[r.InstanceID] {
			touched[r.InstanceID] = true
			w.touch(ctx, r.InstanceID)
		}
	}
	short, err := w.Deploy.Short(ctx)
	if err != nil {
		return err
	}
	for _, id := range short {
		if !touched[id] {
			w.touch(ctx, id)
		}
	}
	for id := range watched { // removed meanwhile, perhaps by another process
		w.keepers.drop(id)
	}
	busy, err := w.Deploy.WithCommand(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for name, c := range running { // nobody's
		if busy[c.ReplicaID] {
			continue // somebody runs a command in it
		}
		w.Log.InfoContext(ctx, "removing an orphan", "container", name, "replica", c.ReplicaID)
		errs = append(errs, w.Runner.Remove(ctx, name))
	}
	errs = append(errs, w.removeNetworks(ctx))
	return errors.Join(errs...)
}

// kept reports whether somebody watches over a replica.
func (w *Worker) kept(replicaID string) bool {
	_, _, ok := w.keepers.health(replicaID)
	return ok
}

// removeNetworks removes the networks of environments that are gone.
func (w *Worker) removeNetworks(ctx context.Context) error {
	networks, err := w.Runner.Networks(ctx)
	if err != nil {
		return err
	}
	for _, n := range networks {
		id, ours := deploy.EnvironmentOf(n.Name)
		if !ours {
			continue
		}
		exists, err := w.Deploy.EnvironmentExists(ctx, id)
		if err != nil {
			return err
		}
		if exists {
			continue
		}
		if err := w.Runner.RemoveNetwork(ctx, n.Name); err != nil && !errors.Is(err, runner.ErrInUse) {
			return err
		}
	}
	return nil
}

// watchEvents touches the instance of every container that changes, and of all
// of them when the engine comes back.
func (w *Worker) watchEvents(ctx context.Context) error {
	for ctx.Err() == nil {
		events, err := w.Runner.Events(ctx)
		if err != nil {
			_ = pause(ctx, time.Second)
			continue
		}
		w.compareBeside()
		for e := range events {
			if e.Kind == runner.EventStarted {
				continue
			}
			instance, err := w.Deploy.ServingInstance(ctx, e.ReplicaID)
			if err != nil || instance == "" {
				continue
			}
			w.touch(ctx, instance)
		}
	}
	return nil
}
