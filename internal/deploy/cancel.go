package deploy

import (
	"context"
	"fmt"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/internal/access"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/store"
)

// Cancel stops a deployment. One that waits ends at once; one that runs is
// asked to, and ends within its grace and five seconds. After the switch there
// is nothing to cancel: ALREADY_LIVE. Canceling twice is no error.
func (s *Service) Cancel(ctx context.Context, id string) (*ent.Deployment, error) {
	d, err := access.Deployment(ctx, s.DB.Client, access.Deploy, id)
	if err != nil {
		return nil, err
	}
	err = s.DB.Tx(ctx, func(tx *store.Tx) error {
		if _, err := access.LockInstance(ctx, tx, d.InstanceID); err != nil && !fault.Is(err, fault.Conflict) {
			return err
		}
		now, err := lockDeployment(ctx, tx, id)
		if err != nil {
			return err
		}
		switch {
		case now.Status == lifecycle.Queued:
			return s.end(ctx, tx, now, lifecycle.Canceled, lifecycle.Explain(canceled(fault.Canceled), lifecycle.PhaseQueue))
		case now.Status.Running():
			return askToStop(ctx, tx, now, fault.Canceled)
		case now.Status.Serving() || now.IsActive:
			return fault.New(fault.AlreadyLive, "Deployment #%d is live already.", now.Number).
				WithHint("Roll back to an earlier deployment instead.")
		case now.Conclusion != nil && *now.Conclusion == lifecycle.Canceled:
			return nil
		default:
			return fault.New(fault.Conflict, "Deployment #%d has ended.", now.Number)
		}
	})
	if err != nil {
		return nil, err
	}
	return access.Deployment(ctx, s.DB.Client, access.Deploy, id)
}

// askToStop notes why a running deployment is to stop. Its worker sees the
// note when it renews its lease, is woken or is rung.
func askToStop(ctx context.Context, tx *store.Tx, d *ent.Deployment, why fault.Code) error {
	n, err := tx.Deployment.Update().
		Where(deployment.ID(d.ID), deployment.CancelReasonIsNil(),
			deployment.StatusIn(lifecycle.Preparing, lifecycle.Building, lifecycle.Deploying)).
		SetCancelReason(string(why)).SetDueAt(0).Save(ctx)
	if err != nil {
		return fmt.Errorf("ask to stop: %w", err)
	}
	if n == 0 {
		return nil // asked before
	}
	// One that nobody has at the moment counts from now on as given up (EndOverdue).
	if _, err := tx.Exec(ctx, `UPDATE deployments SET lease_until = {now} WHERE id = ? AND lease_until = 0`, d.ID); err != nil {
		return fmt.Errorf("ask to stop: %w", err)
	}
	tx.Wake(d.ID, CancelTopic(d.ID))
	return tx.Ring(ctx, TaskRun, d.ID)
}

// CancelTopic is woken when a running deployment is asked to stop.
func CancelTopic(id string) string { return "cancel/" + id }

// canceled is the failure of a deployment that stops for reason.
func canceled(reason fault.Code) *fault.Error {
	if reason == fault.Superseded {
		return fault.New(fault.Superseded, "A newer deployment took its turn.")
	}
	return fault.New(fault.Canceled, "The deployment was canceled.")
}

// Stopped explains the end of a deployment that was asked to stop for reason.
func Stopped(reason fault.Code, phase lifecycle.PhaseName) *lifecycle.Failure {
	return lifecycle.Explain(canceled(reason), phase)
}
