package project

import (
	"context"
	"fmt"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/operation"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/store"
)

// underWay returns the operation of a kind that has not ended for a target, nil
// if there is none.
func underWay(ctx context.Context, tx *store.Tx, kind, targetID string) (*ent.Operation, error) {
	op, err := tx.Operation.Query().
		Where(operation.Kind(kind), operation.TargetID(targetID), operation.StatusIn(lifecycle.OperationQueued, lifecycle.OperationRunning)).
		First(ctx)
	if ent.IsNotFound(err) {
		return nil, nil //nolint:nilnil // said above
	}
	if err != nil {
		return nil, fmt.Errorf("find operation %s of %s: %w", kind, targetID, err)
	}
	return op, nil
}
