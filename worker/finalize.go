package worker

import (
	"context"
	"errors"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/runner"
)

// finalize makes sure that requests go to the deployment that was switched to,
// lets what it replaced finish, and completes it.
func (w *Worker) finalize(ctx context.Context, c *deploy.Claim) error {
	if !c.Row.Phases.Running(lifecycle.PhaseSwitchTraffic) { // it does, unless this is another attempt
		if err := w.Deploy.BeginPhase(ctx, c, lifecycle.PhaseSwitchTraffic, deploy.MaxAttempts); err != nil {
			return err
		}
	}
	if err := w.Router.Sync(ctx); err != nil {
		return err
	}
	if err := w.Deploy.EndPhase(ctx, c, lifecycle.PhaseSwitchTraffic, ""); err != nil {
		return err
	}
	if c.Row.Bundle == nil {
		if err := w.keepAll(ctx, c.Row); err != nil {
			return err
		}
	}
	replaced, err := w.Deploy.ReplacedBy(ctx, c.Row)
	if err != nil {
		return err
	}
	if len(replaced) > 0 {
		if err := w.Deploy.BeginPhase(ctx, c, lifecycle.PhaseDrainOld, deploy.MaxAttempts); err != nil {
			return err
		}
		err := each(ctx, replaced, func(ctx context.Context, r *ent.Replica) error {
			drain := drainOf(r.Edges.Deployment)
			return w.retire(ctx, c.Fence(), r, drain, drain)
		})
		if err != nil {
			return err
		}
		if err := w.Deploy.EndPhase(ctx, c, lifecycle.PhaseDrainOld, ""); err != nil {
			return err
		}
	}
	return w.Deploy.Complete(ctx, c, lifecycle.Succeeded, nil)
}

// drainOf is how long a replica of d may finish its requests, and then how
// long it may take to end.
func drainOf(d *ent.Deployment) time.Duration {
	if d.Settings.DrainTimeout == 0 {
		return spec.DefaultDrainTimeout
	}
	return d.Settings.DrainTimeout
}

// keepAll begins to watch the replicas of a deployment that serves.
func (w *Worker) keepAll(ctx context.Context, d *ent.Deployment) error {
	set, err := w.replicaSet(ctx, d)
	if err != nil {
		return err
	}
	replicas, err := w.Deploy.ReplicasOf(ctx, d.ID)
	if err != nil {
		return err
	}
	for _, r := range replicas {
		if r.Status != lifecycle.ReplicaRunning {
			continue
		}
		w.keepers.keep(set, r) //nolint:contextcheck // a keeper outlives the deployment
		// One that ended right before the switch was nobody's to start again.
		if c, err := w.Runner.Inspect(ctx, r.ContainerName); err == nil && c.State != runner.Running || errors.Is(err, runner.ErrNotFound) {
			w.touch(ctx, d.InstanceID)
		}
	}
	return nil
}
