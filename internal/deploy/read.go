package deploy

import (
	"context"
	"fmt"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/ent/environment"
	"github.com/davitdev/davit/ent/replica"
	"github.com/davitdev/davit/ent/service"
	"github.com/davitdev/davit/ent/serviceinstance"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
)

// Epoch is that of the deployment's claim behind the fence, by which the engine
// tells apart who makes a container; 0 behind an instance's, which counts on its
// own.
func (f Fence) Epoch() int64 {
	if f.table != deployment.Table {
		return 0
	}
	return f.epoch
}

// ReplicasOf returns the replicas of a deployment that have, or should have, a
// container, by process, slot and generation.
func (s *Service) ReplicasOf(ctx context.Context, deploymentID string) ([]*ent.Replica, error) {
	out, err := s.DB.Replica.Query().
		Where(replica.DeploymentID(deploymentID), Existing).
		WithDeployment().Order(replica.ByProcess(), replica.BySlot(), replica.ByGeneration()).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("list replicas: %w", err)
	}
	return out, nil
}

// ReplacedBy returns the replicas of the instance's other deployments that no
// longer serve and that no worker is at work on.
func (s *Service) ReplacedBy(ctx context.Context, d *ent.Deployment) ([]*ent.Replica, error) {
	out, err := s.DB.Replica.Query().
		Where(replica.InstanceID(d.InstanceID), replica.DeploymentIDNEQ(d.ID), Existing,
			replica.HasDeploymentWith(deployment.IsActive(false), deployment.StatusIn(lifecycle.Completed, lifecycle.Finalizing))).
		WithDeployment().All(ctx)
	if err != nil {
		return nil, fmt.Errorf("list replaced replicas: %w", err)
	}
	return out, nil
}

// KindOf is what a service is for.
func (s *Service) KindOf(ctx context.Context, serviceID string) (spec.Kind, error) {
	svc, err := s.DB.Service.Query().Where(service.ID(serviceID)).Only(ctx)
	if err != nil {
		return "", fmt.Errorf("load service: %w", err)
	}
	return svc.Kind, nil
}

// EnvironmentExists reports whether an environment is there.
func (s *Service) EnvironmentExists(ctx context.Context, id string) (bool, error) {
	return s.DB.Environment.Query().Where(environment.ID(id)).Exist(ctx)
}

// ServingInstance is the instance of a replica that should run, "" if the
// replica is unknown, at its end, or still its deployment's business.
func (s *Service) ServingInstance(ctx context.Context, replicaID string) (string, error) {
	r, err := s.DB.Replica.Query().
		Where(replica.ID(replicaID), replica.StatusNotIn(lifecycle.ReplicaRemoved, lifecycle.ReplicaDraining), replica.HasDeploymentWith(deployment.IsActive(true))).
		Only(ctx)
	if ent.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("find replica: %w", err)
	}
	return r.InstanceID, nil
}

// EndReplica notes that the container of a draining replica is gone. It needs
// no claim: draining has one end only.
func (s *Service) EndReplica(ctx context.Context, r *ent.Replica, set func(*ent.ReplicaUpdate)) error {
	return s.DB.Tx(ctx, func(tx *store.Tx) error {
		if _, err := hold(ctx, tx, serviceinstance.Table, r.InstanceID); err != nil {
			return unlessMissing(err) // its rows are gone
		}
		u := tx.Replica.Update().Where(replica.ID(r.ID), replica.StatusEQ(lifecycle.ReplicaDraining)).
			SetStatus(lifecycle.ReplicaRemoved).SetHealth(lifecycle.HealthUnknown).SetDueAt(0)
		set(u)
		if _, err := u.Save(ctx); err != nil {
			return fmt.Errorf("end replica: %w", err)
		}
		tx.Wake(r.DeploymentID)
		if err := ringIfOver(ctx, tx, r.DeploymentID); err != nil {
			return err
		}
		return s.derive(ctx, tx, r.InstanceID)
	})
}

// PostponeInstance asks for another look at an instance after d.
func (s *Service) PostponeInstance(ctx context.Context, id string, d time.Duration) error {
	if _, err := s.DB.Exec(ctx, `UPDATE service_instances SET dirty = ?, due_at = {now} + ? WHERE id = ?`, true, d.Milliseconds(), id); err != nil {
		return fmt.Errorf("postpone instance: %w", err)
	}
	return nil
}

// WakeOperations makes the operations on a target that have not ended due, and
// lists them.
func (s *Service) WakeOperations(ctx context.Context, targetID string) ([]string, error) {
	ids, err := s.DB.Strings(ctx, `UPDATE operations SET due_at = 0 WHERE target_id = ? AND status IN ('QUEUED', 'RUNNING') RETURNING id`, targetID)
	if err != nil {
		return nil, fmt.Errorf("wake operations: %w", err)
	}
	return ids, nil
}

// Settling is how far an instance is on its way to what it should be.
type Settling struct {
	Left, Done int
	Site       bool // a static site serves: once the routes say so, all is done
}

// Settling counts the replicas of an instance that are as they should be, and
// those that are not yet.
func (s *Service) Settling(ctx context.Context, instanceID string) (Settling, error) {
	var out Settling
	i, err := s.DB.ServiceInstance.Query().Where(serviceinstance.ID(instanceID)).
		WithReplicas(func(q *ent.ReplicaQuery) {
			q.Where(Existing, replica.HasDeploymentWith(deployment.StatusIn(lifecycle.Completed, lifecycle.Finalizing)))
		}).
		WithDeployments(func(q *ent.DeploymentQuery) { q.Where(deployment.IsActive(true)) }).Only(ctx)
	if ent.IsNotFound(err) {
		return out, nil
	}
	if err != nil {
		return out, fmt.Errorf("load instance: %w", err)
	}
	wanted := 0
	for _, d := range i.Edges.Deployments { // at most one
		out.Site = d.Bundle != nil
		for _, share := range Shares(i, d) {
			wanted += share.Replicas
		}
	}
	for _, r := range i.Edges.Replicas {
		if !i.Stopped && !out.Site && r.Status == lifecycle.ReplicaRunning && r.Health == lifecycle.HealthHealthy && !r.Replace {
			out.Done++
		} else {
			out.Left++
		}
	}
	if !i.Stopped {
		out.Left = max(out.Left, wanted-out.Done)
	}
	return out, nil
}
