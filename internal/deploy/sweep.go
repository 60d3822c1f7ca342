package deploy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/ent/idempotencykey"
	"github.com/davitdev/davit/ent/serviceinstance"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/store"
)

// QueueLimit is how long a deployment may wait at the head of its queue.
const QueueLimit = 10 * time.Minute

// Doorbell is work that waits: a task and the row it is about.
type Doorbell struct{ Task, ID string }

// Waiting lists the work that no process has a lease on and that is due: what
// was never rung, what was rung in vain, and what a dead process left. It is
// the net under the outbox and the queue.
func (s *Service) Waiting(ctx context.Context) ([]Doorbell, error) {
	var out []Doorbell
	for _, q := range []struct{ task, sql string }{
		// Of those queued only the head of each queue can do anything.
		{TaskRun, `SELECT d.id FROM deployments d WHERE d.status <> 'COMPLETED' AND d.due_at <= {now} AND d.lease_until <= {now}
			AND (d.status <> 'QUEUED' OR NOT EXISTS (SELECT 1 FROM deployments o WHERE o.instance_id = d.instance_id
				AND o.number < d.number AND o.status <> 'COMPLETED' AND o.status IN ('QUEUED', 'PREPARING', 'BUILDING', 'DEPLOYING')))`},
		// A lease that ran out instead of being released is of a worker that died
		// in the middle.
		{TaskConverge, `SELECT id FROM service_instances WHERE due_at <= {now} AND lease_until <= {now} AND (dirty OR lease_until > 0
			OR EXISTS (SELECT 1 FROM replicas r WHERE r.instance_id = service_instances.id AND r.due_at > 0 AND r.due_at <= {now} AND r.status <> 'REMOVED'))`},
		{store.TaskOperation, `SELECT id FROM operations WHERE status IN ('QUEUED', 'RUNNING') AND due_at <= {now} AND lease_until <= {now}`},
	} {
		ids, err := s.DB.Strings(ctx, q.sql)
		if err != nil {
			return nil, fmt.Errorf("find waiting work: %w", err)
		}
		for _, id := range ids {
			out = append(out, Doorbell{q.task, id})
		}
	}
	return out, nil
}

// Quiet reports whether Waiting, EndOverdue and RunDue have nothing to find. It
// is one statement, for who asks every second.
func (s *Service) Quiet(ctx context.Context) (bool, error) {
	work, err := s.DB.Int64s(ctx, `SELECT CASE WHEN EXISTS (SELECT 1 FROM deployments WHERE status <> 'COMPLETED')
		OR EXISTS (SELECT 1 FROM operations WHERE status IN ('QUEUED', 'RUNNING'))
		OR EXISTS (SELECT 1 FROM service_instances WHERE dirty OR lease_until > 0 OR next_run_at > 0 AND next_run_at <= {now})
		OR EXISTS (SELECT 1 FROM replicas WHERE due_at > 0 AND due_at <= {now} AND status <> 'REMOVED') THEN 1 ELSE 0 END`)
	if err != nil {
		return false, fmt.Errorf("look for work: %w", err)
	}
	return work[0] == 0, nil
}

// EndOverdue ends every deployment whose deadline has passed, whoever holds it,
// and those that were asked to stop and of which no worker had the time to hear:
// it is a Lease ago that somebody had them. It starts the deadline of those that
// came to the head of their queue. It returns how many it ended.
func (s *Service) EndOverdue(ctx context.Context) (int, error) {
	_, err := s.DB.Exec(ctx, `UPDATE deployments SET deadline_at = {now} + ? WHERE status <> 'COMPLETED' AND status = 'QUEUED' AND deadline_at = 0
		AND NOT EXISTS (SELECT 1 FROM deployments o WHERE o.instance_id = deployments.instance_id
			AND o.number < deployments.number AND o.status <> 'COMPLETED' AND o.status IN ('QUEUED', 'PREPARING', 'BUILDING', 'DEPLOYING'))`, QueueLimit.Milliseconds())
	if err != nil {
		return 0, fmt.Errorf("start deadlines: %w", err)
	}
	ids, err := s.DB.Strings(ctx, `SELECT id FROM deployments WHERE status <> 'COMPLETED' AND (deadline_at > 0 AND deadline_at <= {now}
		OR cancel_reason IS NOT NULL AND status IN ('PREPARING', 'BUILDING', 'DEPLOYING') AND lease_until > 1 AND lease_until <= {now} - ?)`, Lease.Milliseconds())
	if err != nil {
		return 0, fmt.Errorf("find overdue deployments: %w", err)
	}
	n, errs := 0, []error{}
	for _, id := range ids {
		err := s.DB.Tx(ctx, func(tx *store.Tx) error { return s.endOverdue(ctx, tx, id) })
		switch {
		case err == nil:
			n++
		case !errors.Is(err, ErrOvertaken): // the others are overdue all the same
			errs = append(errs, fmt.Errorf("end %s: %w", id, err))
		}
	}
	return n, errors.Join(errs...)
}

// endOverdue ends a deployment that was found overdue, unless it went on
// meanwhile.
func (s *Service) endOverdue(ctx context.Context, tx *store.Tx, id string) error {
	d, err := tx.Deployment.Query().Where(deployment.ID(id)).Only(ctx)
	if ent.IsNotFound(err) {
		return ErrOvertaken
	}
	if err != nil {
		return fmt.Errorf("load deployment: %w", err)
	}
	if _, err := hold(ctx, tx, serviceinstance.Table, d.InstanceID); err != nil {
		return gone(err)
	}
	if d, err = lockDeployment(ctx, tx, id); err != nil {
		return gone(err)
	}
	now, err := tx.Int64s(ctx, "SELECT {now}")
	if err != nil {
		return err
	}
	overdue := d.DeadlineAt > 0 && d.DeadlineAt <= now[0]
	givenUp := d.CancelReason != nil && d.Status.Running() && d.LeaseUntil > 1 && d.LeaseUntil <= now[0]-Lease.Milliseconds()
	switch {
	case d.Status == lifecycle.Completed, !overdue && !givenUp:
		return ErrOvertaken
	case d.Status.Serving(): // it serves; what it replaced is the reconciler's
		return s.end(ctx, tx, d, lifecycle.Succeeded, nil)
	case d.CancelReason != nil:
		return s.end(ctx, tx, d, lifecycle.Canceled, Stopped(fault.Code(*d.CancelReason), d.Phases.Current()))
	}
	phase := d.Phases.Current()
	late := fault.New(fault.DeadlineExceeded, "The deployment did not get past %s in time.", phase).
		WithHint("Look at the log of that phase, then deploy again.")
	if d.Status == lifecycle.Queued && d.LeaseUntil <= now[0] { // it was its turn, and it was rung for all the time
		late = fault.New(fault.DeadlineExceeded, "No worker began the deployment within %s, though it was its turn: all are busy with others, or none runs.", QueueLimit).
			WithHint("Deploy again later. Whoever operates the server finds out more with davit doctor and in its log.")
	}
	return s.end(ctx, tx, d, lifecycle.Failed, lifecycle.Explain(late, phase))
}

// LiveReplicas returns the replicas that have or should have a container, each
// with its deployment.
func (s *Service) LiveReplicas(ctx context.Context) ([]*ent.Replica, error) {
	out, err := s.DB.Replica.Query().Where(Existing).WithDeployment().All(ctx)
	if err != nil {
		return nil, fmt.Errorf("list replicas: %w", err)
	}
	return out, nil
}

// WithCommand lists the rows that may have a container of their own, which runs
// a command: deployments that are about to go live, and operations.
func (s *Service) WithCommand(ctx context.Context) (map[string]bool, error) {
	ids, err := s.DB.Strings(ctx, `SELECT id FROM deployments WHERE status <> 'COMPLETED' AND status = 'DEPLOYING'
		UNION ALL SELECT id FROM operations WHERE kind = ? AND status IN ('QUEUED', 'RUNNING')`, OpRun)
	if err != nil {
		return nil, fmt.Errorf("list commands: %w", err)
	}
	out := make(map[string]bool, len(ids))
	for _, id := range ids {
		out[id] = true
	}
	return out, nil
}

// Short lists the instances that want more or fewer replicas of the service
// itself than there are. Nothing of a replica that was never made would say so.
func (s *Service) Short(ctx context.Context) ([]string, error) {
	ids, err := s.DB.Strings(ctx, `SELECT i.id FROM service_instances i JOIN deployments d ON d.instance_id = i.id AND d.is_active
		WHERE d.bundle IS NULL AND i.replica_count <> CASE WHEN i.stopped THEN i.replica_count ELSE (SELECT count(DISTINCT r.slot) FROM replicas r
			WHERE r.deployment_id = d.id AND r.process = '' AND r.status NOT IN ('REMOVED', 'DRAINING')) END`)
	if err != nil {
		return nil, fmt.Errorf("count replicas: %w", err)
	}
	return ids, nil
}

// Touch rings for an instance because what runs may differ from what should.
func (s *Service) Touch(ctx context.Context, instanceID string) error {
	return s.DB.Tx(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE service_instances SET dirty = ?, due_at = 0 WHERE id = ?`, true, instanceID)
		if err != nil || n == 0 {
			return err
		}
		return tx.Ring(ctx, TaskConverge, instanceID)
	})
}

// Forget deletes what is kept for a time only.
func (s *Service) Forget(ctx context.Context) error {
	_, err := s.DB.IdempotencyKey.Delete().Where(idempotencykey.CreatedAtLT(clock().Add(-store.IdempotencyWindow))).Exec(ctx)
	if err != nil {
		return fmt.Errorf("forget idempotency keys: %w", err)
	}
	return nil
}

// Reconciler is what the process leads that cares for whatever is left undone.
const Reconciler = "reconciler"

// Lead makes owner the one process that does something for all, or prolongs
// that, for the length of a Lease. It reports whether owner leads. A lease that
// lasts longer than leases do is of a clock that was set back since.
func (s *Service) Lead(ctx context.Context, name, owner string) (bool, error) {
	n, err := s.DB.Exec(ctx, `INSERT INTO leases (id, owner, epoch, lease_until) VALUES (?, ?, 1, {now} + ?)
		ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, lease_until = excluded.lease_until,
			epoch = leases.epoch + CASE WHEN leases.owner = excluded.owner THEN 0 ELSE 1 END
		WHERE leases.owner = excluded.owner OR leases.lease_until <= {now} OR leases.lease_until > {now} + ?`,
		name, owner, Lease.Milliseconds(), 2*Lease.Milliseconds())
	if err != nil {
		return false, fmt.Errorf("lead %s: %w", name, err)
	}
	return n == 1, nil
}

// Resign lets another process lead at once.
func (s *Service) Resign(ctx context.Context, name, owner string) error {
	if _, err := s.DB.Exec(ctx, `UPDATE leases SET lease_until = 0 WHERE id = ? AND owner = ?`, name, owner); err != nil {
		return fmt.Errorf("resign %s: %w", name, err)
	}
	return nil
}

// EndLeases lets all leases run out, so that nobody waits for them. It is for a
// process that knows to be the only one on its database.
func (s *Service) EndLeases(ctx context.Context) error {
	for _, of := range []struct{ table, open string }{
		{"deployments", "status <> 'COMPLETED'"}, {"operations", "status IN ('QUEUED', 'RUNNING')"}, {"service_instances", "1 = 1"}, {"leases", "1 = 1"},
	} {
		if _, err := s.DB.Exec(ctx, `UPDATE `+of.table+` SET lease_until = 1 WHERE `+of.open+` AND lease_until > 1`); err != nil {
			return fmt.Errorf("end leases: %w", err)
		}
	}
	return nil
}
