package deploy

import (
	"context"
	"fmt"
	"strings"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/replica"
	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/store"
)

// AddReplica makes the row of a new replica in a slot of a deployment. The row
// comes before the container: a container without one is an orphan.
func (s *Service) AddReplica(ctx context.Context, f Fence, d *ent.Deployment, slot int) (*ent.Replica, error) {
	id := ident.New(ident.Replica)
	err := s.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := f.check(ctx, tx); err != nil {
			return err
		}
		last, err := tx.Replica.Query().Where(replica.DeploymentID(d.ID), replica.Slot(slot)).Order(ent.Desc(replica.FieldGeneration)).First(ctx)
		if err != nil && !ent.IsNotFound(err) {
			return fmt.Errorf("find replicas: %w", err)
		}
		generation := 1
		if last != nil {
			generation = last.Generation + 1
		}
		err = tx.Replica.Create().SetID(id).SetProjectID(d.ProjectID).SetInstanceID(d.InstanceID).SetDeploymentID(d.ID).
			SetSlot(slot).SetGeneration(generation).SetContainerName(containerName(id)).Exec(ctx)
		if err != nil {
			return fmt.Errorf("create replica: %w", store.Race(err))
		}
		tx.Wake(d.ID, d.InstanceID)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s.DB.Replica.Query().Where(replica.ID(id)).WithDeployment().Only(ctx)
}

// containerName is the deterministic name of a replica's container.
func containerName(replicaID string) string {
	return "davit-" + strings.ReplaceAll(replicaID, "_", "-")
}

// SetReplica writes what set says of a replica and everything that follows
// from it: the state of the instance and, for a replica that serves, the table
// of routes. It fails with ErrOvertaken if the claim is lost. A replica that
// was removed stays removed: writing it touches nothing and is no error.
func (s *Service) SetReplica(ctx context.Context, f Fence, r *ent.Replica, set func(*ent.ReplicaUpdate)) error {
	return s.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := f.check(ctx, tx); err != nil {
			return err
		}
		u := tx.Replica.Update().Where(replica.ID(r.ID), replica.StatusNEQ(lifecycle.ReplicaRemoved))
		set(u)
		if _, err := u.Save(ctx); err != nil {
			return fmt.Errorf("write replica: %w", err)
		}
		now, err := tx.Replica.Query().Where(replica.ID(r.ID)).WithDeployment().Only(ctx)
		if ent.IsNotFound(err) {
			return ErrOvertaken
		}
		if err != nil {
			return fmt.Errorf("load replica: %w", err)
		}
		if now.Edges.Deployment.IsActive && routed(r) != routed(now) {
			if err := bumpRoutes(ctx, tx); err != nil {
				return err
			}
		}
		*r = *now
		tx.Wake(r.DeploymentID)
		return s.derive(ctx, tx, r.InstanceID)
	})
}

// routed is the address that requests for a replica go to, "" if none do.
func routed(r *ent.Replica) string {
	if r.Status != lifecycle.ReplicaRunning || r.Health != lifecycle.HealthHealthy || r.Addr == nil {
		return ""
	}
	return *r.Addr
}
