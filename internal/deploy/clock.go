package deploy

import (
	"context"
	"fmt"
	"time"

	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/ent/serviceinstance"
	"github.com/davitdev/davit/internal/access"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
)

// longestWait is as long as anything waits before it is tried again.
const longestWait = time.Minute

// PutDeadlinesOff gives all deployments under way so much more time: as much as
// the database's clock was set ahead by. Calling it twice does it twice.
func (s *Service) PutDeadlinesOff(ctx context.Context, by time.Duration) error {
	_, err := s.DB.Exec(ctx, `UPDATE deployments SET deadline_at = deadline_at + ? WHERE status <> 'COMPLETED' AND deadline_at > 0`, by.Milliseconds())
	if err != nil {
		return fmt.Errorf("put deadlines off: %w", err)
	}
	return nil
}

// ClockSet mends what the rows wait for after the database's clock was set.
// A deployment that runs has at most limit left; nothing waits for longer than
// it could if it began now, and no lease lasts for longer than leases do.
// Without it a clock that is set back by a year lets things wait for a year. One
// that is set ahead ends what has just begun, unless PutDeadlinesOff comes
// before. Calling it when nothing was set changes nothing. A cron service whose
// schedule cannot be told is logged, and holds up nothing else.
func (s *Service) ClockSet(ctx context.Context, limit time.Duration) error {
	for _, c := range tooFar(max(limit, QueueLimit)) {
		found, err := s.DB.Int64s(ctx, `SELECT COUNT(*) FROM `+c.table+` WHERE `+c.where, c.most)
		if err != nil {
			return fmt.Errorf("look at times of %s: %w", c.table, err)
		}
		if found[0] == 0 { // as nearly always: nothing is written
			continue
		}
		if _, err := s.DB.Exec(ctx, `UPDATE `+c.table+` SET `+c.set+` WHERE `+c.where, c.most, c.most); err != nil {
			return fmt.Errorf("mend times of %s: %w", c.table, err)
		}
	}
	ids, err := s.DB.Strings(ctx, `SELECT id FROM service_instances WHERE next_run_at > {now}`)
	if err != nil {
		return fmt.Errorf("find schedules: %w", err)
	}
	for _, id := range ids {
		err := s.DB.Tx(ctx, func(tx *store.Tx) error { return reschedule(ctx, tx, id) })
		switch {
		case err == nil:
		case fault.Is(err, fault.StoreAway), ctx.Err() != nil:
			return err
		default:
			s.Log.WarnContext(ctx, "a cron service keeps its next run", "instance", id, "err", err)
		}
	}
	return nil
}

// mend is how a table is mended whose times are too far away.
type mend struct {
	table, set, where string
	most              int64 // how far they may be, in milliseconds
}

// tooFar finds what waits for longer than it could if it began now.
func tooFar(limit time.Duration) []mend {
	out := []mend{{"deployments", "deadline_at = {now} + ?", "status <> 'COMPLETED' AND deadline_at > {now} + ?", limit.Milliseconds()}}
	for table, open := range map[string]string{
		"deployments": "status <> 'COMPLETED' AND ", "operations": "status IN ('QUEUED', 'RUNNING') AND ", "service_instances": "", "replicas": "status <> 'REMOVED' AND ",
	} {
		out = append(out, mend{table, "due_at = {now} + ?", open + "due_at > {now} + ?", longestWait.Milliseconds()})
	}
	for _, table := range []string{"deployments", "service_instances", "operations", "leases"} {
		out = append(out, mend{table, "lease_until = {now} + ?", "lease_until > {now} + ?", Lease.Milliseconds()})
	}
	return out
}

// reschedule lets a cron service be due no later than its schedule says.
func reschedule(ctx context.Context, tx *store.Tx, id string) error {
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
	active, err := tx.Deployment.Query().Where(deployment.InstanceID(id), deployment.IsActive(true)).Only(ctx)
	if err != nil {
		return fmt.Errorf("find active deployment: %w", err)
	}
	schedule, err := spec.ParseSchedule(active.Settings.Cron, active.Settings.TimeZone)
	if err != nil {
		return fmt.Errorf("schedule: %w", err)
	}
	next := dueAfter(schedule, now[0])
	if next == 0 || i.NextRunAt <= next {
		return nil
	}
	if err := tx.ServiceInstance.Update().Where(serviceinstance.ID(id)).SetNextRunAt(next).Exec(ctx); err != nil {
		return fmt.Errorf("write next run: %w", err)
	}
	tx.Wake(id, i.EnvironmentID, i.ServiceID)
	return nil
}

// NewestIDs are the ids of what was made last: those that are made next should
// sort behind them, also if the clock was set back.
func (s *Service) NewestIDs(ctx context.Context) ([]string, error) {
	ids, err := s.DB.Strings(ctx, `SELECT COALESCE(MAX(id), '') FROM deployments UNION ALL SELECT COALESCE(MAX(id), '') FROM operations
		UNION ALL SELECT COALESCE(MAX(id), '') FROM builds UNION ALL SELECT COALESCE(MAX(id), '') FROM replicas`)
	if err != nil {
		return nil, fmt.Errorf("find the newest ids: %w", err)
	}
	return ids, nil
}
