package deploy

import (
	"context"
	"fmt"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/ent/replica"
	"github.com/davitdev/davit/ent/serviceinstance"
	"github.com/davitdev/davit/internal/store"
)

// Work is the right to make what runs of an instance what it should be.
type Work struct {
	ID    string
	Epoch int64
	// Row is the instance with its project, environment and service.
	Row *ent.ServiceInstance
	// Active is the deployment that serves, nil if none does.
	Active *ent.Deployment
	// Replicas are those with a container, of whichever deployment, each with
	// its deployment, by process, slot and generation.
	Replicas []*ent.Replica
}

// ClaimInstance takes the instance id for owner. What was asked for before
// counts as seen: a request that comes later makes the instance dirty again. A
// claim that is never released shows that its owner died: somebody else is rung.
func (s *Service) ClaimInstance(ctx context.Context, id, owner string) (*Work, error) {
	epoch, err := s.claim(ctx, serviceinstance.Table, id, owner, "1 = 1")
	if err != nil {
		return nil, err
	}
	w := &Work{ID: id, Epoch: epoch}
	// Under the lock of the instance, because it is several statements: a switch
	// between two of them would show replicas that serve of a deployment that
	// does not.
	err = s.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := w.Fence().check(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE service_instances SET dirty = ? WHERE id = ?`, false, id); err != nil {
			return fmt.Errorf("claim instance: %w", err)
		}
		w.Row, err = tx.ServiceInstance.Query().Where(serviceinstance.ID(id)).
			WithProject().WithEnvironment().WithService().
			WithDeployments(func(q *ent.DeploymentQuery) { q.Where(deployment.IsActive(true)) }).
			WithReplicas(func(q *ent.ReplicaQuery) {
				q.Where(Existing).WithDeployment().Order(replica.ByProcess(), replica.BySlot(), replica.ByGeneration())
			}).
			Only(ctx)
		if err != nil {
			return fmt.Errorf("load instance: %w", err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	w.Replicas = w.Row.Edges.Replicas
	for _, d := range w.Row.Edges.Deployments {
		w.Active = d
	}
	return w, nil
}

// Deleting reports whether the instance is to go with all it runs.
func (w *Work) Deleting() bool {
	i := w.Row
	return i.Deleting || i.Edges.Project.Deleting || i.Edges.Environment.Deleting || i.Edges.Service.Deleting
}

// Shares are what should run of the active deployment, nil if nothing should.
func (w *Work) Shares() []Share {
	if w.Active == nil || w.Row.Stopped || w.Deleting() {
		return nil
	}
	return Shares(w.Row, w.Active)
}

// ReleaseInstance gives the claim back.
func (s *Service) ReleaseInstance(ctx context.Context, w *Work) error {
	return s.release(ctx, serviceinstance.Table, w.ID, w.Epoch)
}

// Fence says on whose behalf replicas are written: a write touches no row once
// the claim is lost.
type Fence struct {
	table string
	id    string
	epoch int64
}

// Fence of a deployment's claim.
func (c *Claim) Fence() Fence { return Fence{deployment.Table, c.ID, c.Epoch} }

// Fence of an instance's claim.
func (w *Work) Fence() Fence { return Fence{serviceinstance.Table, w.ID, w.Epoch} }

// check fails with ErrOvertaken once the claim is lost, and keeps it to the
// end of the transaction otherwise. A transaction that also locks the instance
// does that first.
func (f Fence) check(ctx context.Context, tx *store.Tx) error {
	epoch, err := hold(ctx, tx, f.table, f.id)
	if err != nil {
		return gone(err)
	}
	if epoch != f.epoch {
		return ErrOvertaken
	}
	return nil
}
