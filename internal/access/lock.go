package access

import (
	"context"
	"fmt"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/service"
	"github.com/davitdev/davit/ent/serviceinstance"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/store"
)

// LockInstance loads an instance with its project, environment and service for
// the rest of the transaction. It refuses one that is being deleted with
// CONFLICT, and returns it nevertheless. What the caller may do with it was
// asked before.
func LockInstance(ctx context.Context, tx *store.Tx, id string) (*ent.ServiceInstance, error) {
	if _, err := tx.Strings(ctx, "SELECT id FROM service_instances WHERE id = ? {lock}", id); err != nil {
		return nil, fmt.Errorf("lock %s: %w", id, err)
	}
	i, err := tx.ServiceInstance.Query().Where(serviceinstance.ID(id)).WithProject().WithEnvironment().WithService().Only(ctx)
	if ent.IsNotFound(err) {
		return nil, Missing()
	}
	if err != nil {
		return nil, fmt.Errorf("load instance: %w", err)
	}
	if i.Deleting || i.Edges.Project.Deleting || i.Edges.Environment.Deleting || i.Edges.Service.Deleting {
		return i, beingDeleted()
	}
	return i, nil
}

// LockService loads a service with its project for the rest of the transaction:
// nobody else changes it meanwhile, nor what it comes from. It refuses one that
// is being deleted with CONFLICT, and returns it nevertheless. What the caller
// may do with it was asked before.
func LockService(ctx context.Context, tx *store.Tx, id string) (*ent.Service, error) {
	if _, err := tx.Strings(ctx, "SELECT id FROM services WHERE id = ? {lock}", id); err != nil {
		return nil, fmt.Errorf("lock %s: %w", id, err)
	}
	svc, err := tx.Service.Query().Where(service.ID(id)).WithProject().Only(ctx)
	if ent.IsNotFound(err) {
		return nil, Missing()
	}
	if err != nil {
		return nil, fmt.Errorf("load service: %w", err)
	}
	if svc.Deleting || svc.Edges.Project.Deleting {
		return svc, beingDeleted()
	}
	return svc, nil
}

func beingDeleted() error { return fault.New(fault.Conflict, "The service is being deleted.") }
