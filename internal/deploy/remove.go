package deploy

import (
	"context"
	"fmt"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/ent/domain"
	"github.com/davitdev/davit/ent/environment"
	"github.com/davitdev/davit/ent/operation"
	"github.com/davitdev/davit/ent/predicate"
	entproject "github.com/davitdev/davit/ent/project"
	"github.com/davitdev/davit/ent/replica"
	"github.com/davitdev/davit/ent/route"
	"github.com/davitdev/davit/ent/service"
	"github.com/davitdev/davit/ent/serviceinstance"
	"github.com/davitdev/davit/internal/access"
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
	Commands       int      // commands that have not ended
}

// Condemn makes everything below target, a project, an environment or a
// service that is being deleted, stop: deployments are canceled, replicas
// drained. It says what is left; it is called again until nothing is.
func (s *Service) Condemn(ctx context.Context, targetID string) (Condemned, error) {
	var out Condemned
	q := s.DB.ServiceInstance.Query()
	switch kind, _ := ident.KindOf(targetID); kind {
	case ident.Project:
		q.Where(serviceinstance.ProjectID(targetID))
		envs, err := s.DB.Environment.Query().Where(environment.ProjectID(targetID)).IDs(ctx)
		if err != nil {
			return out, fmt.Errorf("list environments: %w", err)
		}
		out.EnvironmentIDs = envs
	case ident.Environment:
		q.Where(serviceinstance.EnvironmentID(targetID))
		out.EnvironmentIDs = []string{targetID}
	default:
		q.Where(serviceinstance.ServiceID(targetID))
	}
	var err error
	if out.InstanceIDs, err = q.IDs(ctx); err != nil {
		return out, fmt.Errorf("list instances: %w", err)
	}
	for _, id := range out.InstanceIDs { // each for itself: a transaction locks one instance
		err := s.DB.Tx(ctx, func(tx *store.Tx) error { return s.condemn(ctx, tx, id) })
		if unlessMissing(err) != nil {
			return out, err
		}
	}
	if out.Open, err = s.DB.Deployment.Query().
		Where(deployment.InstanceIDIn(out.InstanceIDs...), Unfinished).Count(ctx); err != nil {
		return out, fmt.Errorf("count deployments: %w", err)
	}
	if out.Replicas, err = s.DB.Replica.Query().
		Where(replica.InstanceIDIn(out.InstanceIDs...), Existing).Count(ctx); err != nil {
		return out, fmt.Errorf("count replicas: %w", err)
	}
	if out.Commands, err = s.DB.Operation.Query().Where(operation.Kind(OpRun), operation.TargetIDIn(out.InstanceIDs...),
		operation.StatusIn(lifecycle.OperationQueued, lifecycle.OperationRunning)).Count(ctx); err != nil {
		return out, fmt.Errorf("count commands: %w", err)
	}
	return out, nil
}

func (s *Service) condemn(ctx context.Context, tx *store.Tx, instanceID string) error {
	i, err := access.LockInstance(ctx, tx, instanceID)
	if err != nil && !fault.Is(err, fault.Conflict) {
		return err
	}
	open, err := tx.Deployment.Query().Where(deployment.InstanceID(i.ID), Unfinished).Order(deployment.ByNumber()).IDs(ctx)
	if err != nil {
		return fmt.Errorf("list deployments: %w", err)
	}
	for _, id := range open {
		d, err := lockDeployment(ctx, tx, id)
		switch {
		case err != nil:
			return err
		case d.Status == lifecycle.Queued:
			err = s.end(ctx, tx, d, lifecycle.Canceled, Stopped(fault.Canceled, lifecycle.PhaseQueue))
		default:
			err = askToStop(ctx, tx, d, fault.Canceled)
		}
		if err != nil {
			return err
		}
	}
	if _, err := s.cancelCommands(ctx, tx, operation.TargetID(instanceID)); err != nil {
		return err
	}
	if i.Deleting {
		return nil
	}
	return s.want(ctx, tx, i, func(u *ent.ServiceInstanceUpdate) { u.SetDeleting(true) })
}

// Remove deletes the rows of a target and everything below it. It is called in
// the transaction that ends the operation. Who follows the target, or an
// environment, a service or an instance below it, learns that it is gone.
func (s *Service) Remove(ctx context.Context, tx *store.Tx, targetID string) error {
	var below predicate.ServiceInstance
	var remove func() (int, error)
	gone := []string{targetID}
	switch kind, _ := ident.KindOf(targetID); kind {
	case ident.Project:
		below, remove = serviceinstance.ProjectID(targetID), func() (int, error) {
			return tx.Project.Delete().Where(entproject.ID(targetID)).Exec(ctx)
		}
		ids, err := tx.Strings(ctx, "SELECT id FROM environments WHERE project_id = ? UNION ALL SELECT id FROM services WHERE project_id = ?", targetID, targetID)
		if err != nil {
			return fmt.Errorf("list environments and services: %w", err)
		}
		gone = append(gone, ids...)
	case ident.Environment:
		below, remove = serviceinstance.EnvironmentID(targetID), func() (int, error) {
			return tx.Environment.Delete().Where(environment.ID(targetID)).Exec(ctx)
		}
	case ident.Service:
		below, remove = serviceinstance.ServiceID(targetID), func() (int, error) {
			return tx.Service.Delete().Where(service.ID(targetID)).Exec(ctx)
		}
	default:
		return fmt.Errorf("deploy: %s cannot be removed", targetID)
	}
	instances, err := tx.ServiceInstance.Query().Where(below).IDs(ctx)
	if err != nil {
		return fmt.Errorf("list instances: %w", err)
	}
	if err := removeDomains(ctx, tx, below); err != nil {
		return fmt.Errorf("remove domains: %w", err)
	}
	if _, err := remove(); err != nil {
		return fmt.Errorf("remove rows: %w", err)
	}
	tx.Wake(append(gone, instances...)...)
	tx.ChangeRoutes()
	return nil
}

// removeDomains deletes the host names that lead to nothing but the instances
// of: a domain belongs to the project, which stays.
func removeDomains(ctx context.Context, tx *store.Tx, of predicate.ServiceInstance) error {
	_, err := tx.Domain.Delete().
		Where(domain.HasRoutesWith(route.HasInstanceWith(of)), domain.Not(domain.HasRoutesWith(route.HasInstanceWith(serviceinstance.Not(of))))).
		Exec(ctx)
	return err
}
