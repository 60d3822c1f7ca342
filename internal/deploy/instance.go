package deploy

import (
	"context"
	"fmt"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/ent/replica"
	"github.com/davitdev/davit/ent/serviceinstance"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/store"
)

// derive writes the status and the health of a locked instance as they follow
// from its rows, and wakes who watches it.
func (s *Service) derive(ctx context.Context, tx *store.Tx, instanceID string) error {
	i, err := tx.ServiceInstance.Query().Where(serviceinstance.ID(instanceID)).Only(ctx)
	if ent.IsNotFound(err) {
		return nil // deleted meanwhile
	}
	if err != nil {
		return fmt.Errorf("load instance: %w", err)
	}
	if err := reckon(ctx, tx, i); err != nil {
		return err
	}
	facts, reason, err := factsOf(ctx, tx, i)
	if err != nil {
		return err
	}
	status, health := lifecycle.Derive(facts)
	if status != lifecycle.InstanceCrashed && status != lifecycle.InstanceDegraded {
		reason = nil
	}
	tx.Wake(i.ID, i.EnvironmentID, i.ServiceID)
	if i.Status == status && i.Health == health && equal(i.StateReason, reason) {
		return nil
	}
	if i.Status != status {
		tx.ChangeRoutes() // what visitors see while nobody answers
	}
	u := tx.ServiceInstance.Update().Where(serviceinstance.ID(i.ID)).SetStatus(status).SetHealth(health)
	if reason == nil {
		u.ClearStateReason()
	} else {
		u.SetStateReason(*reason)
	}
	if err := u.Exec(ctx); err != nil {
		return fmt.Errorf("write state of instance: %w", err)
	}
	return nil
}

// factsOf counts what Derive asks for. reason says how the replica that ended
// last did so.
func factsOf(ctx context.Context, tx *store.Tx, i *ent.ServiceInstance) (f lifecycle.Facts, reason *string, err error) {
	f = lifecycle.Facts{Deleting: i.Deleting, Stopped: i.Stopped, Wanted: i.ReplicaCount}
	active, err := tx.Deployment.Query().Where(deployment.InstanceID(i.ID), deployment.IsActive(true)).Only(ctx)
	if err != nil && !ent.IsNotFound(err) {
		return f, nil, fmt.Errorf("find active deployment: %w", err)
	}
	if f.Deploying, err = tx.Deployment.Query().
		Where(deployment.InstanceID(i.ID), Unfinished, deployment.StatusNEQ(lifecycle.Finalizing)).Exist(ctx); err != nil {
		return f, nil, fmt.Errorf("find running deployment: %w", err)
	}
	if active == nil {
		return f, nil, nil
	}
	f.Active = true
	if active.Bundle != nil { // files that are there: nothing of them can fall ill
		f.Wanted = 0
		return f, nil, nil
	}
	replicas, err := tx.Replica.Query().
		Where(replica.DeploymentID(active.ID), replica.StatusNotIn(lifecycle.ReplicaRemoved, lifecycle.ReplicaDraining)).
		All(ctx)
	if err != nil {
		return f, nil, fmt.Errorf("list replicas: %w", err)
	}
	var last *ent.Replica
	beside := map[string]int{} // well, by process
	for _, r := range replicas {
		well := r.Status == lifecycle.ReplicaRunning && r.Health == lifecycle.HealthHealthy
		switch {
		case r.Process != "" && well:
			beside[r.Process]++
		case r.Process != "":
		case well:
			f.Healthy++
		case r.Status == lifecycle.ReplicaCreated, r.Status == lifecycle.ReplicaStarting, r.Status == lifecycle.ReplicaRestarting:
			f.Starting++
		}
		if r.LastExitCode != nil && r.Status != lifecycle.ReplicaRunning && (last == nil || later(r.EndedAt, last.EndedAt)) {
			last = r
			text := fmt.Sprintf("%s ended with exit code %d.", ReplicaName(r), *r.LastExitCode)
			if r.OomKilled {
				text = ReplicaName(r) + " was killed: it ran out of memory."
			}
			reason = &text
		}
	}
	for _, share := range Shares(i, active)[1:] { // it is no site: the service itself is the first
		f.Missing += max(0, share.Replicas-beside[share.Process])
	}
	return f, reason, nil
}

// later reports whether a is a later time than b; none is before all.
func later(a, b *time.Time) bool { return a != nil && (b == nil || a.After(*b)) }

func equal(a, b *string) bool { return a == b || a != nil && b != nil && *a == *b }
