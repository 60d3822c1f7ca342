package invariant

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/lifecycle"
)

// The promises about deployments.
const (
	endsInTime = "Every deployment ends by its deadline."
	isCoherent = "The row of a deployment agrees with itself."
	oneServes  = "At most one deployment of a service serves in an environment."
	oneRuns    = "At most one deployment of a service is prepared, built or deployed at a time."
	staysEnded = "A canceled deployment never goes live."
	endsBuilds = "No build outlives its deployment."
)

const (
	report = "Keep a copy of the data directory and report it: this cannot happen."
	// slack is what a reconciler that has to be replaced first may take.
	slack = deploy.Lease + 5*time.Second
	batch = 500
)

// deployments looks at the rows of deployments.
func (c *Checker) deployments(ctx context.Context) (n int, found []Finding, err error) {
	now, err := c.DB.NowMillis(ctx)
	if err != nil {
		return 0, nil, err
	}
	for after := ""; ; {
		rows, err := c.DB.Deployment.Query().Where(deployment.IDGT(after)).Order(deployment.ByID()).Limit(batch).
			Select(deployment.FieldID, deployment.FieldStatus, deployment.FieldConclusion, deployment.FieldIsActive, deployment.FieldPhases,
				deployment.FieldFailure, deployment.FieldCancelReason, deployment.FieldStartedAt, deployment.FieldTrafficSwitchedAt,
				deployment.FieldCompletedAt, deployment.FieldDeadlineAt, deployment.FieldEpoch, deployment.FieldLeaseUntil).All(ctx)
		if err != nil {
			return n, found, fmt.Errorf("read deployments: %w", err)
		}
		for _, d := range rows {
			found = append(found, c.deployment(d, now)...)
		}
		n += len(rows)
		if len(rows) < batch {
			break
		}
		after = rows[len(rows)-1].ID
	}
	for _, q := range []struct{ sql, rule, seen, do string }{
		{`SELECT instance_id FROM deployments WHERE is_active GROUP BY instance_id HAVING COUNT(*) > 1`, oneServes, "More than one serves.", report},
		{
			`SELECT instance_id FROM deployments WHERE status IN ('PREPARING', 'BUILDING', 'DEPLOYING') GROUP BY instance_id HAVING COUNT(*) > 1`,
			oneRuns, "More than one has its turn.", report,
		},
		{
			`SELECT b.id FROM builds b JOIN deployments d ON d.id = b.deployment_id WHERE b.status IN ('QUEUED', 'RUNNING') AND d.status = 'COMPLETED'`,
			endsBuilds, "Its deployment has ended, and it has not.", report,
		},
	} {
		ids, err := c.DB.Strings(ctx, q.sql)
		if err != nil {
			return n, found, fmt.Errorf("count deployments: %w", err)
		}
		for _, id := range ids {
			found = append(found, Finding{Rule: q.rule, Object: id, Seen: q.seen, Do: q.do})
		}
	}
	late, err := c.withoutDeadline(ctx)
	return n, append(found, late...), err
}

// deployment looks at one row.
func (c *Checker) deployment(d *ent.Deployment, now int64) []Finding {
	var found []Finding
	bad := func(rule, format string, args ...any) {
		found = append(found, Finding{Rule: rule, Object: d.ID, Seen: fmt.Sprintf(format, args...), Do: report})
	}
	switched, canceled := d.TrafficSwitchedAt != nil, d.CancelReason != nil
	if !d.Status.Final() {
		if d.Conclusion != nil || d.CompletedAt != nil {
			bad(isCoherent, "It is %s, and has an end.", d.Status)
		}
		if d.Status != lifecycle.Queued && (d.StartedAt == nil || d.Epoch == 0 || d.DeadlineAt == 0) {
			bad(isCoherent, "It is %s, and has no start, no owner or no deadline.", d.Status)
		}
		if late := time.Duration(now-d.DeadlineAt) * time.Millisecond; d.DeadlineAt > 0 && late > slack {
			found = append(found, Finding{
				Rule: endsInTime, Object: d.ID, Pending: !c.Working,
				Seen: fmt.Sprintf("It is %s, %s after its deadline.", d.Status, late.Truncate(time.Second)),
				Do:   "Look why the server does not end it: at its log, and whether it runs.",
			})
		}
	}
	if switched != (d.Status == lifecycle.Finalizing || is(d, lifecycle.Succeeded)) {
		bad(isCoherent, "It is %s, and its switch of traffic says otherwise.", state(d))
	}
	if d.IsActive && !switched {
		bad(isCoherent, "It serves, and traffic was never switched to it.")
	}
	if canceled && switched {
		bad(staysEnded, "It was to be canceled (%s), and is %s.", *d.CancelReason, state(d))
	}
	if d.Status.Final() {
		running := slices.ContainsFunc(d.Phases, func(p lifecycle.Phase) bool { return p.Status == lifecycle.PhaseRunning })
		switch {
		case d.Conclusion == nil || d.CompletedAt == nil:
			bad(isCoherent, "It has ended without a conclusion or a time.")
		case running || d.LeaseUntil > 0:
			bad(isCoherent, "It has ended, and somebody works on it or a phase of it runs.")
		case is(d, lifecycle.Failed) && d.Failure == nil:
			bad(isCoherent, "It failed, and nothing says why.")
		}
	}
	return found
}

func is(d *ent.Deployment, c lifecycle.Conclusion) bool {
	return d.Conclusion != nil && *d.Conclusion == c
}

func state(d *ent.Deployment) string {
	if d.Conclusion != nil {
		return string(*d.Conclusion)
	}
	return string(d.Status)
}

// withoutDeadline finds deployments that are first in their queue and have no
// deadline: nothing would end them.
func (c *Checker) withoutDeadline(ctx context.Context) ([]Finding, error) {
	ids, err := c.DB.Strings(ctx, `SELECT id FROM deployments WHERE status = 'QUEUED' AND deadline_at = 0
		AND NOT EXISTS (SELECT 1 FROM deployments o WHERE o.instance_id = deployments.instance_id
			AND o.number < deployments.number AND o.status IN ('QUEUED', 'PREPARING', 'BUILDING', 'DEPLOYING'))`)
	if err != nil {
		return nil, fmt.Errorf("find deployments without a deadline: %w", err)
	}
	var found []Finding
	for _, id := range ids {
		found = append(found, Finding{
			Rule: endsInTime, Object: id, Pending: !c.Working, Seen: "It is the first that waits, and has no deadline.",
			Do: "Look why the server's reconciler does not see it: at its log, and whether it runs.",
		})
	}
	return found, nil
}
