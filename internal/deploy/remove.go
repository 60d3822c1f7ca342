package deploy

import (
	"context"
	"fmt"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/ent/environment"
	entproject "github.com/davitdev/davit/ent/project"
	"github.com/davitdev/davit/ent/replica"
	"github.com/davitdev/davit/ent/service"
	"github.com/davitdev/davit/ent/serviceinstance"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/store"
)

// Condemned is what goes with a project, an environment or a service.
type Condemned struct {
	InstanceIDs    []string
	EnvironmentIDs []string // whose networks go
	Open           int      // deployments that have not ended
	Replicas       int      // replicas that still have a container
}

// Condemn makes everything below target, a project, an environment or a
// service that is being deleted, stop: deployments are canceled, replicas
// drained. It says what is left; it is called again until nothing is.
func (s *Service) Condemn(ctx context.Context, targetID string) (Condemned, error) {
	var out Condemned
	err := s.DB.Tx(ctx, func(tx *store.Tx) error {
		out = Condemned{}
		q := tx.ServiceInstance.Query()
		switch kind, _ := ident.KindOf(targetID); kind {
		case ident.Project:
			q.Where(serviceinstance.ProjectID(targetID))
			envs, err := tx.Environment.Query().Where(environment.ProjectID(targetID)).IDs(ctx)
			if err != nil {
				return fmt.Errorf("list environments: %w", err)
			}
			out.EnvironmentIDs = envs
		case ident.Environment:
			q.Where(serviceinstance.EnvironmentID(targetID))
			out.EnvironmentIDs = []string{targetID}
		default:
			q.Where(serviceinstance.ServiceID(targetID))
		}
		instances, err := q.All(ctx)
		if err != nil {
			return fmt.Errorf("list instances: %w", err)
		}
		for _, i := range instances {
			out.InstanceIDs = append(out.InstanceIDs, i.ID)
			if err := s.condemn(ctx, tx, i); err != nil {
				return err
			}
		}
		if out.Open, err = tx.Deployment.Query().
			Where(deployment.InstanceIDIn(out.InstanceIDs...), deployment.StatusNEQ(lifecycle.Completed)).Count(ctx); err != nil {
			return fmt.Errorf("count deployments: %w", err)
		}
		if out.Replicas, err = tx.Replica.Query().
			Where(replica.InstanceIDIn(out.InstanceIDs...), replica.StatusNEQ(lifecycle.ReplicaRemoved)).Count(ctx); err != nil {
			return fmt.Errorf("count replicas: %w", err)
		}
		return nil
	})
	return out, err
}

func (s *Service) condemn(ctx context.Context, tx *store.Tx, i *ent.ServiceInstance) error {
	open, err := tx.Deployment.Query().Where(deployment.InstanceID(i.ID), deployment.StatusNEQ(lifecycle.Completed)).WithProject().All(ctx)
	if err != nil {
		return fmt.Errorf("list deployments: %w", err)
	}
	for _, d := range open {
		if d.Status == lifecycle.Queued {
			err = s.end(ctx, tx, d, lifecycle.Canceled, Stopped(fault.Canceled, lifecycle.PhaseQueue))
		} else {
			err = askToStop(ctx, tx, d, fault.Canceled)
		}
		if err != nil {
			return err
		}
	}
	if i.Deleting {
		return nil
	}
	if err := bumpRoutes(ctx, tx); err != nil {
		return err
	}
	return s.want(ctx, tx, i, func(u *ent.ServiceInstanceUpdate) { u.SetDeleting(true) })
}

// Remove deletes the rows of a target and everything below it. It is called in
// the transaction that ends the operation.
func (s *Service) Remove(ctx context.Context, tx *store.Tx, targetID string) error {
	var err error
	switch kind, _ := ident.KindOf(targetID); kind {
	case ident.Project:
		_, err = tx.Project.Delete().Where(entproject.ID(targetID)).Exec(ctx)
	case ident.Environment:
		_, err = tx.Environment.Delete().Where(environment.ID(targetID)).Exec(ctx)
	case ident.Service:
		_, err = tx.Service.Delete().Where(service.ID(targetID)).Exec(ctx)
	default:
		err = fmt.Errorf("deploy: %s cannot be removed", targetID)
	}
	if err != nil {
		return fmt.Errorf("remove rows: %w", err)
	}
	tx.Wake(targetID)
	return bumpRoutes(ctx, tx)
}
