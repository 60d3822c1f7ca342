package deploy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/ent/operation"
	"github.com/davitdev/davit/ent/serviceinstance"
	"github.com/davitdev/davit/internal/access"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
)

// KeptRuns is how many runs that have ended are kept of a cron service.
const KeptRuns = 100

// reckon writes when a locked instance of a cron service is due, if what says so
// has changed: what serves, or that a person stopped it.
func reckon(ctx context.Context, tx *store.Tx, i *ent.ServiceInstance) error {
	if i.ReplicaCount > 0 { // all others
		return nil
	}
	active, err := tx.Deployment.Query().Where(deployment.InstanceID(i.ID), deployment.IsActive(true)).Only(ctx)
	if err != nil && !ent.IsNotFound(err) {
		return fmt.Errorf("find active deployment: %w", err)
	}
	want, next := "", int64(0)
	if active != nil && active.Settings.Cron != "" && !i.Stopped && !i.Deleting {
		want = active.Settings.Cron + " " + active.Settings.TimeZone
	}
	if want == i.Schedule {
		return nil
	}
	if want != "" {
		now, err := tx.Int64s(ctx, "SELECT {now}")
		if err != nil {
			return err
		}
		schedule, err := spec.ParseSchedule(active.Settings.Cron, active.Settings.TimeZone)
		if err != nil {
			return fmt.Errorf("schedule: %w", err)
		}
		next = dueAfter(schedule, now[0])
	}
	err = tx.ServiceInstance.Update().Where(serviceinstance.ID(i.ID)).SetSchedule(want).SetNextRunAt(next).Exec(ctx)
	if err != nil {
		return fmt.Errorf("write schedule: %w", err)
	}
	return nil
}

// dueAfter is when a schedule is due after a time, 0 for never.
func dueAfter(s spec.Schedule, millis int64) int64 {
	if next := s.Next(time.UnixMilli(millis)); !next.IsZero() {
		return next.UnixMilli()
	}
	return 0
}

// RunDue begins a run of each cron service that is due. Any number of processes
// may call it at once: there is one run a tick.
func (s *Service) RunDue(ctx context.Context) error {
	ids, err := s.DB.Strings(ctx, `SELECT id FROM service_instances WHERE next_run_at > 0 AND next_run_at <= {now}`)
	if err != nil {
		return fmt.Errorf("find due services: %w", err)
	}
	var errs []error
	for _, id := range ids {
		errs = append(errs, s.DB.Tx(ctx, func(tx *store.Tx) error { return s.runDue(ctx, tx, id) }))
	}
	return errors.Join(errs...)
}

func (s *Service) runDue(ctx context.Context, tx *store.Tx, id string) error {
	i, err := access.LockInstance(ctx, tx, id)
	if fault.Is(err, fault.Conflict) || fault.Is(err, fault.NotFound) {
		return nil // it is being deleted
	}
	if err != nil {
		return err
	}
	now, err := tx.Int64s(ctx, "SELECT {now}")
	if err != nil {
		return err
	}
	if i.NextRunAt == 0 || i.NextRunAt > now[0] {
		return nil // somebody else was faster
	}
	active, err := tx.Deployment.Query().Where(deployment.InstanceID(id), deployment.IsActive(true)).Only(ctx)
	if err != nil {
		return fmt.Errorf("find active deployment: %w", err)
	}
	schedule, err := spec.ParseSchedule(active.Settings.Cron, active.Settings.TimeZone)
	if err != nil {
		return fmt.Errorf("schedule: %w", err)
	}
	due, missed := lastDue(schedule, i.NextRunAt, now[0])
	err = tx.ServiceInstance.Update().Where(serviceinstance.ID(id)).SetNextRunAt(dueAfter(schedule, now[0])).Exec(ctx)
	if err != nil {
		return fmt.Errorf("write next run: %w", err)
	}
	tx.Wake(id, i.EnvironmentID, i.ServiceID)
	if missed > 0 {
		err := tx.Record(ctx, store.Event{
			Scope: store.InstanceScope(i), Type: OpRun + ".missed", SubjectID: id, Severity: lifecycle.Warning,
			Message: fmt.Sprintf("%s in %s was due %d times more while nobody looked: one run makes up for all.", i.Edges.Service.Name, i.Edges.Environment.Name, missed),
		})
		if err != nil {
			return err
		}
	}
	return s.runOnTick(ctx, tx, i, active, time.UnixMilli(due).UTC())
}

// runOnTick begins the run of a tick, as far as the one before lets it. A tick
// that had its run, as when the clock was set back, gets no other.
func (s *Service) runOnTick(ctx context.Context, tx *store.Tx, i *ent.ServiceInstance, active *ent.Deployment, tick time.Time) error {
	ran, err := tx.Operation.Query().Where(operation.TargetID(i.ID), operation.ScheduledAt(tick)).Exist(ctx)
	if err != nil {
		return fmt.Errorf("find runs: %w", err)
	}
	if ran {
		return nil
	}
	busy, err := tx.Operation.Query().Where(operation.Kind(OpRun), operation.TargetID(i.ID), operation.ScheduledAtNotNil(),
		operation.StatusIn(lifecycle.OperationQueued, lifecycle.OperationRunning)).Exist(ctx)
	if err != nil {
		return fmt.Errorf("find runs: %w", err)
	}
	switch overlap := active.Settings.CronOverlap; {
	case !busy || overlap == spec.OverlapAllow:
	case overlap == spec.OverlapReplace:
		if _, err := s.cancelCommands(ctx, tx, operation.TargetID(i.ID), operation.ScheduledAtNotNil()); err != nil {
			return err
		}
	default:
		return tx.Record(ctx, store.Event{
			Scope: store.InstanceScope(i), Type: OpRun + ".skipped", SubjectID: i.ID, Severity: lifecycle.Warning,
			Message: fmt.Sprintf("%s in %s was due and was left out: the run before has not ended.", i.Edges.Service.Name, i.Edges.Environment.Name),
		})
	}
	_, err = tx.Operate(ctx, store.InstanceScope(i), OpRun, i.ID, nil, func(o *ent.OperationCreate) {
		o.SetDeploymentID(active.ID).SetLimitMs(maxCommandLimit.Milliseconds()).SetScheduledAt(tick)
		if words, err := active.Settings.Command(); err == nil && words != nil {
			o.SetCommand(words)
		}
	})
	return err
}

// manyTicks is how many missed ticks are counted one by one.
const manyTicks = 1000

// lastDue is the last tick up to now of a schedule that is due since first, and
// how many others there were.
func lastDue(s spec.Schedule, first, now int64) (due int64, missed int) {
	for due = first; ; missed++ {
		next := dueAfter(s, due)
		if next == 0 || next > now {
			return due, missed
		}
		if due = next; missed == manyTicks { // of the last two days, if that is less
			due = max(due, dueAfter(s, now-48*time.Hour.Milliseconds()))
		}
	}
}

// ForgetRuns deletes the runs of cron services but the last KeptRuns of each.
func (s *Service) ForgetRuns(ctx context.Context) error {
	_, err := s.DB.Exec(ctx, `DELETE FROM operations WHERE id IN (SELECT id FROM
		(SELECT id, ROW_NUMBER() OVER (PARTITION BY target_id ORDER BY id DESC) AS nth FROM operations
			WHERE scheduled_at IS NOT NULL AND status NOT IN ('QUEUED', 'RUNNING')) AS ended WHERE nth > ?)`, KeptRuns)
	if err != nil {
		return fmt.Errorf("forget runs: %w", err)
	}
	return nil
}
