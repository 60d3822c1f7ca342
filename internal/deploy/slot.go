package deploy

import (
	"context"
	"fmt"
	"time"

	"github.com/davitdev/davit/ent/build"
	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/store"
)

// slotWait is how long a build waits for a slot until it asks again by itself.
// Whoever frees one rings before that.
const slotWait = 5 * time.Second

// TakeSlot lets the build of a deployment begin, or go on, if its owner has
// fewer than most others under way and, unless it has begun before, none that
// waits longer would come too short. Its deadline starts anew, because waiting was not its fault. Otherwise
// it fails with ErrNotNow, for the caller to give the claim back, and says how
// many builds wait before it.
func (s *Service) TakeSlot(ctx context.Context, c *Claim, most int, limit time.Duration) (ahead int, err error) {
	taken := false
	err = s.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := c.Fence().check(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.Strings(ctx, "SELECT id FROM installations {lock}"); err != nil { // one at a time asks
			return fmt.Errorf("lock build slots: %w", err)
		}
		mine, err := tx.Build.Query().Where(build.DeploymentID(c.ID)).Only(ctx)
		if err != nil {
			return fmt.Errorf("load build: %w", err)
		}
		counts, err := tx.Int64s(ctx, `SELECT COUNT(*) FROM builds b JOIN deployments d ON d.id = b.deployment_id
			WHERE b.status = 'RUNNING' AND d.id <> ? AND d.status = 'BUILDING' AND d.lease_until > {now}
				AND d.owner = (SELECT owner FROM deployments WHERE id = ?)`, c.ID, c.ID)
		if err != nil {
			return fmt.Errorf("count builds: %w", err)
		}
		if mine.Status == lifecycle.BuildRunning && int(counts[0]) < most { // its worker died, or its step failed
			taken = true
			return nil
		}
		if ahead, err = tx.Build.Query().Where(build.StatusEQ(lifecycle.BuildQueued), build.IDLT(mine.ID),
			build.HasDeploymentWith(deployment.StatusEQ(lifecycle.Building))).Count(ctx); err != nil {
			return fmt.Errorf("count waiting builds: %w", err)
		}
		// One that has begun and has to wait now goes before those that came later.
		wait, u := slotWait, tx.Build.Update().Where(build.ID(mine.ID)).SetStatus(lifecycle.BuildQueued)
		if taken = int(counts[0])+ahead < most; taken {
			wait = 0
			u.SetStatus(lifecycle.BuildRunning).SetStartedAt(clock())
		}
		if err := u.SetAhead(ahead).Exec(ctx); err != nil {
			return fmt.Errorf("write build: %w", err)
		}
		tx.Wake(c.ID)
		_, err = tx.Exec(ctx, `UPDATE deployments SET due_at = CASE WHEN cancel_reason IS NULL THEN {now} + ? ELSE 0 END, deadline_at = {now} + ?
			WHERE id = ?`, wait.Milliseconds(), limit.Milliseconds(), c.ID)
		return err
	})
	if err == nil && !taken {
		err = ErrNotNow
	}
	return ahead, err
}

// ringBuild rings for the build that waits longest, after one has ended.
func ringBuild(ctx context.Context, tx *store.Tx) error {
	skip := "" // rows that others hold: this transaction has a deployment already, and must wait for no second one
	if !tx.Embedded() {
		skip = "FOR NO KEY UPDATE OF d SKIP LOCKED"
	}
	next, err := tx.Strings(ctx, `UPDATE deployments SET due_at = 0 WHERE id = (SELECT d.id FROM builds b JOIN deployments d ON d.id = b.deployment_id
		WHERE b.status = 'QUEUED' AND d.status = 'BUILDING' AND d.attempt = 0 ORDER BY b.id LIMIT 1 `+skip+`) RETURNING id`)
	if err != nil {
		return fmt.Errorf("find next build: %w", err)
	}
	for _, id := range next {
		if err := tx.Ring(ctx, TaskRun, id); err != nil {
			return err
		}
	}
	return nil
}
