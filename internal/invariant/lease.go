package invariant

import (
	"context"
	"fmt"
	"time"

	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/ent/operation"
	"github.com/davitdev/davit/ent/outbox"
	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/lifecycle"
)

// The promises about who works on what.
const (
	leasesEnd   = "A lease ends when it is not renewed."
	oneLeads    = "One process reconciles."
	isTakenUp   = "Work that waits is taken up."
	isRung      = "The outbox is emptied."
	isAnswered  = "Doorbells are answered, and none is kept for what has ended."
	lookAtQueue = "Look at the server's log: the queue, or who works on it, does not get on."
)

// claimed are the tables whose rows have a lease.
var claimed = []string{deployment.Table, "service_instances", operation.Table, "leases"}

// leases looks at who owns what, and whether somebody does.
func (c *Checker) leases(ctx context.Context) (n int, found []Finding, err error) {
	most := (deploy.Lease + time.Second).Milliseconds()
	for _, table := range claimed {
		ids, err := c.DB.Strings(ctx, "SELECT id FROM "+table+" WHERE lease_until > {now} + ?", most)
		if err != nil {
			return n, found, fmt.Errorf("read leases: %w", err)
		}
		for _, id := range ids {
			found = append(found, Finding{
				Rule: leasesEnd, Object: id, Seen: fmt.Sprintf("Its lease lasts for longer than %s.", deploy.Lease),
				Do: "Compare the clocks of the machines; restart the server, which ends all leases.",
			})
		}
		held, err := c.DB.Int64s(ctx, "SELECT COUNT(*) FROM "+table+" WHERE lease_until > 0")
		if err != nil {
			return n, found, fmt.Errorf("count leases: %w", err)
		}
		n += int(held[0])
	}
	if !c.Working {
		return n, found, nil
	}
	leaders, err := c.DB.Int64s(ctx, "SELECT COUNT(*) FROM leases WHERE id = ? AND lease_until > {now}", deploy.Reconciler)
	if err != nil {
		return n, found, fmt.Errorf("find leader: %w", err)
	}
	if leaders[0] != 1 {
		found = append(found, Finding{Rule: oneLeads, Object: deploy.Reconciler, Seen: "Nobody has the lease.", Do: "Look at the server's log: the database may not answer it."})
	}
	waiting, err := c.verbs().Waiting(ctx)
	for _, w := range waiting { // which a server with much to do may not get to at once
		found = append(found, Finding{Rule: isTakenUp, Object: w.ID, Pending: true, Seen: "It is due, and nobody works on it.", Do: lookAtQueue})
	}
	return n + len(waiting), found, err
}

// doorbells looks at what should have been rung or answered.
func (c *Checker) doorbells(ctx context.Context) (n int, found []Finding, err error) {
	rows, err := c.DB.Outbox.Query().Order(outbox.ByID()).Limit(batch).All(ctx)
	if err != nil {
		return 0, nil, fmt.Errorf("read outbox: %w", err)
	}
	for _, r := range rows {
		if age := time.Since(r.CreatedAt); age > slack {
			found = append(found, Finding{Rule: isRung, Object: r.ID, Seen: fmt.Sprintf("%s of %s has been waiting for %s.", r.Task, r.TargetID, age.Truncate(time.Second)), Do: lookAtQueue})
		}
	}
	if c.Overdue == nil {
		return len(rows), found, nil
	}
	ids, err := c.Overdue(ctx, slack)
	if err != nil {
		return len(rows), found, err
	}
	for _, id := range ids {
		final, err := c.final(ctx, id)
		if err != nil {
			return len(rows), found, err
		}
		if final {
			found = append(found, Finding{Rule: isAnswered, Object: id, Seen: "It has ended, and a doorbell for it still waits.", Do: lookAtQueue})
		}
	}
	return len(rows) + len(ids), found, nil
}

// final reports whether nothing is left to be done for a row.
func (c *Checker) final(ctx context.Context, id string) (bool, error) {
	open, err := c.DB.Strings(ctx, `SELECT id FROM deployments WHERE id = ? AND status <> 'COMPLETED' UNION ALL SELECT id FROM service_instances WHERE id = ?
		UNION ALL SELECT id FROM operations WHERE id = ? AND status IN (?, ?)`, id, id, id, string(lifecycle.OperationQueued), string(lifecycle.OperationRunning))
	if err != nil {
		return false, fmt.Errorf("find %s: %w", id, err)
	}
	return len(open) == 0, nil
}
