package deploy

import (
	"context"
	"fmt"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/internal/access"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/store"
)

// Transactions lock rows in one order, so that they never wait for each other
// in a circle: the instance, its deployments, what belongs to those; and at
// their end what all share (store.Tx). Whatever changes the turn of a
// deployment, or anything that the state of an instance follows from, locks the
// instance first (access.LockInstance).

// lockDeployment loads a deployment with its project for the rest of the
// transaction. No worker can claim or write it meanwhile. The caller has locked
// the instance; but not Retry, which changes neither turn nor state of anything
// and locks no row of an instance after this one.
func lockDeployment(ctx context.Context, tx *store.Tx, id string) (*ent.Deployment, error) {
	if _, err := hold(ctx, tx, deployment.Table, id); err != nil {
		return nil, err
	}
	d, err := tx.Deployment.Query().Where(deployment.ID(id)).WithProject().Only(ctx)
	if ent.IsNotFound(err) {
		return nil, access.Missing()
	}
	if err != nil {
		return nil, fmt.Errorf("load deployment: %w", err)
	}
	return d, nil
}

// hold locks a row to the end of the transaction and returns its epoch, or
// NOT_FOUND.
func hold(ctx context.Context, tx *store.Tx, table, id string) (epoch int64, err error) {
	epochs, err := tx.Int64s(ctx, `SELECT epoch FROM `+table+` WHERE id = ? {lock}`, id)
	if err != nil {
		return 0, fmt.Errorf("lock %s: %w", id, err)
	}
	if len(epochs) == 0 {
		return 0, access.Missing()
	}
	return epochs[0], nil
}

// unlessMissing drops the absence of a row: there is nothing to write.
func unlessMissing(err error) error {
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// gone turns the absence of a claimed row into ErrOvertaken: it was deleted,
// and there is nothing left to work on.
func gone(err error) error {
	if fault.Is(err, fault.NotFound) {
		return ErrOvertaken
	}
	return err
}
