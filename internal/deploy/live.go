package deploy

import (
	"context"
	"fmt"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/ent/replica"
	"github.com/davitdev/davit/ent/serviceinstance"
	"github.com/davitdev/davit/internal/access"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
)

// Switch makes a deployment whose replicas are healthy the active one of its
// instance: the point of no return. It fails with CANCELED or SUPERSEDED if it
// was asked to stop before, with CANCELED if the service is being deleted, with
// UNAVAILABLE if a replica is not healthy any more, and with ErrOvertaken if the
// claim is lost.
func (s *Service) Switch(ctx context.Context, c *Claim) error {
	at := clock()
	err := s.DB.Tx(ctx, func(tx *store.Tx) error {
		i, err := access.LockInstance(ctx, tx, c.Row.InstanceID)
		if fault.Is(err, fault.Conflict) {
			if err := c.Fence().check(ctx, tx); err != nil {
				return err
			}
			return canceled(fault.Canceled)
		}
		if err != nil {
			return gone(err)
		}
		served, err := tx.Deployment.Query().
			Where(deployment.InstanceID(i.ID), deployment.IsActive(true), deployment.IDNEQ(c.ID)).IDs(ctx)
		if err != nil {
			return fmt.Errorf("find active deployment: %w", err)
		}
		if err := tx.Deployment.Update().Where(deployment.IDIn(served...)).SetIsActive(false).Exec(ctx); err != nil {
			return fmt.Errorf("deactivate: %w", err)
		}
		tx.Wake(served...)
		for _, id := range served {
			if err := ringIfOver(ctx, tx, id); err != nil { // a stopped one has no replicas
				return err
			}
		}
		n, err := tx.Deployment.Update().
			Where(deployment.ID(c.ID), deployment.Epoch(c.Epoch), deployment.StatusEQ(lifecycle.Deploying), deployment.CancelReasonIsNil()).
			SetStatus(lifecycle.Finalizing).SetIsActive(true).SetTrafficSwitchedAt(at).SetAttempt(0).
			Save(ctx)
		if err != nil {
			return fmt.Errorf("activate: %w", err)
		}
		if n == 0 {
			return s.whyNot(ctx, tx, c)
		}
		whole, err := stillWell(ctx, tx, i, c.Row)
		if err != nil {
			return err
		}
		tx.ChangeRoutes()
		if err := s.ringNext(ctx, tx, i.ID); err != nil { // it may begin while this one drains
			return err
		}
		if err := s.starts(ctx, tx, i, whole); err != nil {
			return err
		}
		return tx.Record(ctx, store.Event{
			Scope: scopeOf(c.Row.Edges.Project, c.Row), Type: "deployment.live", SubjectID: c.ID,
			Message: fmt.Sprintf("Deployment #%d of %s is live in %s.", c.Row.Number, i.Edges.Service.Name, i.Edges.Environment.Name),
		})
	})
	if err != nil {
		return err
	}
	c.Row.Status, c.Row.IsActive, c.Row.TrafficSwitchedAt, c.Row.Attempt = lifecycle.Finalizing, true, &at, 0
	return nil
}

// starts notes that an instance is to run: a person who deploys wants that. Of
// one that was scaled while its deployment started not all is there.
func (s *Service) starts(ctx context.Context, tx *store.Tx, i *ent.ServiceInstance, whole bool) error {
	if !whole {
		return s.want(ctx, tx, i, func(u *ent.ServiceInstanceUpdate) { u.SetStopped(false) })
	}
	if err := tx.ServiceInstance.Update().Where(serviceinstance.ID(i.ID)).SetStopped(false).Exec(ctx); err != nil {
		return fmt.Errorf("start instance: %w", err)
	}
	return s.derive(ctx, tx, i.ID)
}

// stillWell fails with UNAVAILABLE if a replica of a deployment has ended since
// it was healthy, or lost its address to another one (see evict): requests would
// find nobody until what runs is compared with what should. Another attempt
// starts it again. It reports whether there are as many as the instance wants.
func stillWell(ctx context.Context, tx *store.Tx, i *ent.ServiceInstance, d *ent.Deployment) (whole bool, err error) {
	replicas, err := tx.Replica.Query().Where(replica.DeploymentID(d.ID), Existing).All(ctx)
	if err != nil {
		return false, fmt.Errorf("look at replicas: %w", err)
	}
	have := map[string]int{}
	for _, r := range replicas {
		reached := r.Addr != nil || r.Process != "" || d.Edges.Service.Kind != spec.Web
		if r.Status != lifecycle.ReplicaRunning || r.Health != lifecycle.HealthHealthy || !reached {
			return false, fault.New(fault.Unavailable, "A replica that was healthy is not any more.")
		}
		have[r.Process]++
	}
	for _, share := range Shares(i, d) {
		if have[share.Process] != share.Replicas {
			return false, nil
		}
	}
	return true, nil
}

// whyNot says why a conditional write of a claim touched no row.
func (s *Service) whyNot(ctx context.Context, tx *store.Tx, c *Claim) error {
	d, err := tx.Deployment.Query().Where(deployment.ID(c.ID)).Only(ctx)
	if ent.IsNotFound(err) {
		return ErrOvertaken
	}
	if err != nil {
		return fmt.Errorf("load deployment: %w", err)
	}
	if d.Epoch == c.Epoch && d.CancelReason != nil {
		return canceled(fault.Code(*d.CancelReason))
	}
	return ErrOvertaken
}
