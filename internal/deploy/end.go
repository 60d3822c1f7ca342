package deploy

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/build"
	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/ent/predicate"
	"github.com/davitdev/davit/ent/serviceinstance"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/store"
)

// MaxAttempts is how often a step that fails by a fault of the platform is
// tried: over a minute, so that an engine may be restarted meanwhile.
const MaxAttempts = 7

// Complete ends a deployment. failure is nil for a success, and said for a
// failure. Whoever waits behind it is rung. It fails with ErrOvertaken if the
// claim is lost.
func (s *Service) Complete(ctx context.Context, c *Claim, as lifecycle.Conclusion, failure *lifecycle.Failure) error {
	err := s.DB.Tx(ctx, func(tx *store.Tx) error {
		if _, err := hold(ctx, tx, serviceinstance.Table, c.Row.InstanceID); err != nil {
			return gone(err)
		}
		now, err := lockDeployment(ctx, tx, c.ID)
		if err != nil {
			return gone(err)
		}
		if now.Epoch != c.Epoch {
			return ErrOvertaken
		}
		return s.end(ctx, tx, now, as, failure)
	})
	if err != nil {
		return err
	}
	c.Row.Status, c.Row.Conclusion = lifecycle.Completed, &as
	return nil
}

// end is Complete inside a transaction, for a locked row of a locked instance.
// It raises the epoch, so that a worker that still holds a claim is fenced off.
func (s *Service) end(ctx context.Context, tx *store.Tx, d *ent.Deployment, as lifecycle.Conclusion, failure *lifecycle.Failure) error {
	if !d.Status.CanConclude(as) || as == lifecycle.Failed && failure == nil {
		return fmt.Errorf("deploy: %s cannot end as %s", d.Status, as)
	}
	failure = storable(failure)
	at := clock()
	phases := d.Phases.EndAll(phaseEnd(as), at, detail(failure))
	u := tx.Deployment.Update().
		Where(deployment.ID(d.ID), deployment.StatusEQ(d.Status)).
		SetStatus(lifecycle.Completed).SetConclusion(as).SetCompletedAt(at).SetPhases(phases).
		AddEpoch(1).SetLeaseUntil(0).SetDueAt(0).SetDeadlineAt(0)
	if failure != nil {
		u.SetFailure(failure)
	}
	n, err := u.Save(ctx)
	if err != nil {
		return fmt.Errorf("complete: %w", err)
	}
	if n == 0 {
		return ErrOvertaken
	}
	if err := endBuild(ctx, tx, d.ID, as, failure, at); err != nil {
		return err
	}
	if err := s.ringNext(ctx, tx, d.InstanceID); err != nil {
		return err
	}
	if err := ringIfOver(ctx, tx, d.ID); err != nil {
		return err
	}
	if err := s.derive(ctx, tx, d.InstanceID); err != nil {
		return err
	}
	return tx.Record(ctx, completed(d, as, failure))
}

func completed(d *ent.Deployment, as lifecycle.Conclusion, failure *lifecycle.Failure) store.Event {
	e := store.Event{Scope: scopeOf(d.Edges.Project, d), SubjectID: d.ID}
	switch as {
	case lifecycle.Succeeded:
		e.Type, e.Message = "deployment.succeeded", fmt.Sprintf("Deployment #%d is done.", d.Number)
	case lifecycle.Failed:
		e.Type, e.Message, e.Severity = "deployment.failed", fmt.Sprintf("Deployment #%d failed: %s", d.Number, failure.Message), lifecycle.Warning
	case lifecycle.Canceled:
		e.Type, e.Message = "deployment.canceled", fmt.Sprintf("Deployment #%d was canceled.", d.Number)
	case lifecycle.Skipped:
		e.Type, e.Message = "deployment.skipped", fmt.Sprintf("Deployment #%d was skipped: a newer one took its turn.", d.Number)
	}
	if failure != nil {
		e.Payload = map[string]any{"code": failure.Code, "domain": failure.Domain}
	}
	return e
}

func phaseEnd(as lifecycle.Conclusion) lifecycle.PhaseStatus {
	switch as {
	case lifecycle.Succeeded:
		return lifecycle.PhaseSucceeded
	case lifecycle.Failed:
		return lifecycle.PhaseFailed
	case lifecycle.Canceled:
		return lifecycle.PhaseCanceled
	case lifecycle.Skipped:
		return lifecycle.PhaseSkipped
	}
	return lifecycle.PhaseFailed
}

// storable is f with texts that a row can hold: what a program or a build said
// may be anything.
func storable(f *lifecycle.Failure) *lifecycle.Failure {
	if f == nil {
		return nil
	}
	out := *f
	out.Message = store.Text(f.Message)
	if f.Hint != nil {
		hint := store.Text(*f.Hint)
		out.Hint = &hint
	}
	out.Excerpt = slices.Clone(f.Excerpt)
	for i := range out.Excerpt {
		out.Excerpt[i].Message = store.Text(out.Excerpt[i].Message)
	}
	return &out
}

func detail(f *lifecycle.Failure) string {
	if f == nil {
		return ""
	}
	return f.Message
}

// endBuild ends a build that its deployment left open.
func endBuild(ctx context.Context, tx *store.Tx, deploymentID string, as lifecycle.Conclusion, failure *lifecycle.Failure, at time.Time) error {
	status := lifecycle.BuildFailed
	switch {
	case as != lifecycle.Failed: // nobody waits for it any more
		status = lifecycle.BuildCanceled
	case failure != nil && failure.Code == fault.BuildTimeout:
		status = lifecycle.BuildTimedOut
	}
	u := tx.Build.Update().
		Where(build.DeploymentID(deploymentID), build.StatusIn(lifecycle.BuildQueued, lifecycle.BuildRunning)).
		SetStatus(status).SetFinishedAt(at)
	if failure != nil {
		u.SetFailure(failure)
	}
	n, err := u.Save(ctx)
	if err != nil {
		return fmt.Errorf("end build: %w", err)
	}
	if n == 0 {
		return nil
	}
	return ringBuild(ctx, tx)
}

// ringNext rings for the oldest deployment of an instance that waits, and wakes
// who watches one of them: each has one less before it.
func (s *Service) ringNext(ctx context.Context, tx *store.Tx, instanceID string) error {
	waiting, err := tx.Deployment.Query().
		Where(deployment.InstanceID(instanceID), deployment.StatusEQ(lifecycle.Queued)).
		Order(deployment.ByNumber()).IDs(ctx)
	if err != nil {
		return fmt.Errorf("find next deployment: %w", err)
	}
	if len(waiting) == 0 {
		return nil
	}
	tx.Wake(waiting...)
	return tx.Ring(ctx, TaskRun, waiting[0])
}

// over selects a deployment that has ended and of which nothing runs: nothing
// will ever happen to it again.
func over(id string) []predicate.Deployment {
	return []predicate.Deployment{
		deployment.ID(id), deployment.StatusEQ(lifecycle.Completed), deployment.IsActive(false),
		deployment.Not(deployment.HasReplicasWith(Existing)),
	}
}

// ringIfOver rings for a deployment once it is over, so that a worker closes
// what is left open of it.
func ringIfOver(ctx context.Context, tx *store.Tx, id string) error {
	is, err := tx.Deployment.Query().Where(over(id)...).Exist(ctx)
	if err != nil {
		return fmt.Errorf("look whether a deployment is over: %w", err)
	}
	if !is {
		return nil
	}
	return tx.Ring(ctx, TaskRun, id)
}

// Over returns a deployment that has ended and of which nothing runs. It fails
// with ErrNotNow for any other and one that is gone.
func (s *Service) Over(ctx context.Context, id string) (*ent.Deployment, error) {
	d, err := s.DB.Deployment.Query().Where(over(id)...).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, ErrNotNow
	}
	if err != nil {
		return nil, fmt.Errorf("find deployment: %w", err)
	}
	return d, nil
}

// Retry gives the claim back for a later attempt of the same step, after
// failure, a fault of the platform. It reports false if no attempt is left:
// then the caller completes the deployment as failed. One that was asked to
// stop meanwhile is not kept waiting: whoever claims it next may at once. Nor is
// one that is further than its claim knows, because the answer to a commit was
// lost: it goes on from there, however the step is said to have failed.
func (s *Service) Retry(ctx context.Context, c *Claim, failure *lifecycle.Failure) (bool, error) {
	attempt, later := c.Row.Attempt+1, true
	wait := lifecycle.Backoff(attempt)
	phases := c.Row.Phases
	if c.Row.Status != lifecycle.Queued { // waiting for its turn cannot fail
		phases = phases.EndAll(lifecycle.PhaseFailed, clock(), store.Text(fmt.Sprintf("%s Trying again in %s.", failure.Message, wait)))
	}
	err := s.DB.Tx(ctx, func(tx *store.Tx) error {
		now, err := lockDeployment(ctx, tx, c.ID)
		if err != nil {
			return gone(err)
		}
		if now.Epoch != c.Epoch || now.Status == lifecycle.Completed {
			return ErrOvertaken
		}
		if now.Status != c.Row.Status { // what failed was to hear that the step was done
			if err := tx.Ring(ctx, TaskRun, c.ID); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, `UPDATE deployments SET lease_until = 0, due_at = 0 WHERE id = ?`, c.ID)
			return err
		}
		if later = attempt < MaxAttempts && failure.Retryable; !later {
			return nil
		}
		if now.CancelReason != nil {
			wait = 0
			if err := tx.Ring(ctx, TaskRun, c.ID); err != nil {
				return err
			}
		}
		tx.Wake(c.ID)
		_, err = tx.Exec(ctx, `UPDATE deployments SET lease_until = 0, due_at = {now} + ? WHERE id = ?`, wait.Milliseconds(), c.ID)
		if err != nil {
			return fmt.Errorf("schedule retry: %w", err)
		}
		return tx.Deployment.Update().Where(deployment.ID(c.ID)).SetAttempt(attempt).SetPhases(phases).Exec(ctx)
	})
	return later && err == nil, err
}
