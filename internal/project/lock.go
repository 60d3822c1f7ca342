package project

import (
	"context"
	"fmt"

	"github.com/davitdev/davit/ent"
	entproject "github.com/davitdev/davit/ent/project"
	"github.com/davitdev/davit/internal/access"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/store"
)

// lock loads a project for the rest of the transaction. Whoever adds to it or
// sets its variables does so first: then an environment and a service that are
// made at once know of each other, and variables are counted and written one
// after the other. It refuses a project that is being deleted with CONFLICT.
func lock(ctx context.Context, tx *store.Tx, id string) (*ent.Project, error) {
	if _, err := tx.Strings(ctx, "SELECT id FROM projects WHERE id = ? {lock}", id); err != nil {
		return nil, fmt.Errorf("lock project: %w", err)
	}
	p, err := tx.Project.Query().Where(entproject.ID(id)).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, access.Missing()
	}
	if err != nil {
		return nil, fmt.Errorf("load project: %w", err)
	}
	if p.Deleting {
		return nil, fault.New(fault.Conflict, "The project is being deleted.")
	}
	return p, nil
}
