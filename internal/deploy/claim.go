package deploy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/ent/serviceinstance"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/store"
)

// Lease is how long a claim lasts without renewal. A worker that dies is
// replaced after that long at the latest.
const Lease = 10 * time.Second

// Ways to lose a claim. A worker that meets one of them stops at once and
// writes nothing more.
var (
	// ErrOvertaken means that somebody else owns the row now.
	ErrOvertaken = errors.New("deploy: overtaken")
	// ErrNotNow means that there is nothing to do for this row, or not yet.
	ErrNotNow = errors.New("deploy: not now")
)

// Claim is the right to work on a deployment. It is used by one goroutine,
// except that Renew may run beside it.
type Claim struct {
	ID    string
	Epoch int64
	// Row is the deployment as its owner last wrote it, with its project,
	// instance, environment and service.
	Row *ent.Deployment
}

// Canceled returns the reason for which the deployment is to stop, "" if it
// may go on.
func (c *Claim) Canceled() fault.Code {
	if c.Row.CancelReason == nil {
		return ""
	}
	return fault.Code(*c.Row.CancelReason)
}

// Claim takes the deployment id for owner, which names a process. It fails
// with ErrNotNow if the deployment has ended, is not due, or another process
// holds a lease on it.
func (s *Service) Claim(ctx context.Context, id, owner string) (*Claim, error) {
	epoch, err := s.claim(ctx, deployment.Table, id, owner, "status <> 'COMPLETED'")
	if err != nil {
		return nil, err
	}
	d, err := s.DB.Deployment.Query().Where(deployment.ID(id)).
		WithProject().WithInstance().WithEnvironment().WithService().Only(ctx)
	if ent.IsNotFound(err) || err == nil && d.Epoch != epoch {
		return nil, ErrOvertaken
	}
	if err != nil {
		return nil, fmt.Errorf("load deployment: %w", err)
	}
	return &Claim{ID: id, Epoch: epoch, Row: d}, nil
}

// claim raises the epoch of a row that is due, unclaimed or claimed by owner.
func (s *Service) claim(ctx context.Context, table, id, owner, open string) (int64, error) {
	epochs, err := s.DB.Int64s(ctx, `UPDATE `+table+` SET epoch = epoch + 1, owner = ?, lease_until = {now} + ?
		WHERE id = ? AND `+open+` AND due_at <= {now} AND (lease_until <= {now} OR owner = ?) RETURNING epoch`,
		owner, Lease.Milliseconds(), id, owner)
	if err != nil {
		return 0, fmt.Errorf("claim %s: %w", id, err)
	}
	if len(epochs) == 0 {
		return 0, ErrNotNow
	}
	return epochs[0], nil
}

// Renew prolongs the lease and reports whether the deployment is to stop, which
// it never is once it serves. It fails with ErrOvertaken if the claim is lost.
func (s *Service) Renew(ctx context.Context, c *Claim) (stop fault.Code, err error) {
	reasons, err := s.DB.Strings(ctx, `UPDATE deployments SET lease_until = {now} + ?
		WHERE id = ? AND epoch = ? AND status <> 'COMPLETED' 
		RETURNING CASE WHEN status IN ('PREPARING', 'BUILDING', 'DEPLOYING') THEN COALESCE(cancel_reason, '') ELSE '' END`,
		Lease.Milliseconds(), c.ID, c.Epoch)
	if err != nil {
		return "", fmt.Errorf("renew lease: %w", err)
	}
	if len(reasons) == 0 {
		return "", ErrOvertaken
	}
	return fault.Code(reasons[0]), nil
}

// Release gives the claim back, so that another process can go on at once.
func (s *Service) Release(ctx context.Context, c *Claim) error {
	return s.release(ctx, deployment.Table, c.ID, c.Epoch)
}

func (s *Service) release(ctx context.Context, table, id string, epoch int64) error {
	if _, err := s.DB.Exec(ctx, `UPDATE `+table+` SET lease_until = 0 WHERE id = ? AND epoch = ?`, id, epoch); err != nil {
		return fmt.Errorf("release %s: %w", id, err)
	}
	return nil
}

// Begin gives a queued deployment its turn: it becomes PREPARING and its
// deadline starts. It fails with ErrNotNow while another deployment of the
// instance runs or an older one waits; whoever ends that one rings again.
func (s *Service) Begin(ctx context.Context, c *Claim, limit time.Duration) error {
	var at time.Time
	var phases lifecycle.Phases
	err := s.DB.Tx(ctx, func(tx *store.Tx) error {
		// One that is being deleted is canceled by that.
		if _, err := hold(ctx, tx, serviceinstance.Table, c.Row.InstanceID); err != nil {
			return gone(err)
		}
		at = clock() // not before whoever had the turn let the instance go
		phases = c.Row.Phases.End(lifecycle.PhaseQueue, lifecycle.PhaseSucceeded, at, "")
		ahead, err := tx.Deployment.Query().
			Where(deployment.InstanceID(c.Row.InstanceID), deployment.NumberLT(c.Row.Number), Unfinished,
				deployment.StatusIn(lifecycle.Queued, lifecycle.Preparing, lifecycle.Building, lifecycle.Deploying)).
			Exist(ctx)
		if err != nil {
			return fmt.Errorf("look ahead: %w", err)
		}
		if ahead {
			return ErrNotNow
		}
		now, err := tx.Int64s(ctx, "SELECT {now}")
		if err != nil {
			return err
		}
		n, err := tx.Deployment.Update().
			Where(deployment.ID(c.ID), deployment.Epoch(c.Epoch), deployment.StatusEQ(lifecycle.Queued)).
			SetStatus(lifecycle.Preparing).SetStartedAt(at).SetPhases(phases).SetDeadlineAt(now[0] + limit.Milliseconds()).
			Save(ctx)
		if ent.IsConstraintError(err) { // a later one that runs already: wait for it
			return ErrNotNow
		}
		if err != nil {
			return fmt.Errorf("begin: %w", err)
		}
		if n == 0 {
			return ErrOvertaken
		}
		c.Row.DeadlineAt = now[0] + limit.Milliseconds()
		if err := s.derive(ctx, tx, c.Row.InstanceID); err != nil {
			return err
		}
		return tx.Record(ctx, store.Event{
			Scope: scopeOf(c.Row.Edges.Project, c.Row), Type: "deployment.started", SubjectID: c.ID,
			Message: fmt.Sprintf("Deployment #%d began.", c.Row.Number),
		})
	})
	if err != nil {
		return err
	}
	c.Row.Status, c.Row.StartedAt, c.Row.Phases = lifecycle.Preparing, &at, phases
	return nil
}

// Advance moves the deployment to a status, or stays in it, and writes what
// set adds in the same statement. It fails with ErrOvertaken if the claim is
// lost. set may run more than once; of what it writes, Row shows the phases, the
// image and the bundle.
func (s *Service) Advance(ctx context.Context, c *Claim, to lifecycle.Status, set func(*ent.DeploymentUpdate)) error {
	// Other verbs give a turn, switch and complete.
	leads := c.Row.Status == lifecycle.Queued || to == lifecycle.Finalizing || to == lifecycle.Completed
	if !c.Row.Status.CanMove(to) || leads && c.Row.Status != to {
		return fmt.Errorf("deploy: %s cannot become %s by Advance", c.Row.Status, to)
	}
	phases, image, bundle, attempt := c.Row.Phases, c.Row.Image, c.Row.Bundle, c.Row.Attempt
	err := s.DB.Tx(ctx, func(tx *store.Tx) error {
		u := tx.Deployment.Update().
			Where(deployment.ID(c.ID), deployment.Epoch(c.Epoch), deployment.StatusEQ(c.Row.Status)).
			SetStatus(to)
		if to != c.Row.Status {
			attempt = 0 // of the next step
			u.SetAttempt(attempt)
		}
		if set != nil {
			set(u)
		}
		if p, ok := u.Mutation().Phases(); ok {
			phases = p
		}
		if i, ok := u.Mutation().Image(); ok {
			image = i
		}
		if b, ok := u.Mutation().Bundle(); ok {
			bundle = b
		}
		n, err := u.Save(ctx)
		if err != nil {
			return fmt.Errorf("advance to %s: %w", to, err)
		}
		if n == 0 {
			return ErrOvertaken
		}
		tx.Wake(c.ID, c.Row.InstanceID)
		return nil
	})
	if err != nil {
		return err
	}
	c.Row.Status, c.Row.Phases, c.Row.Image, c.Row.Bundle, c.Row.Attempt = to, phases, image, bundle, attempt
	return nil
}

// BeginPhase notes that a part of the work starts, as its next attempt if it
// was cut short before.
func (s *Service) BeginPhase(ctx context.Context, c *Claim, name lifecycle.PhaseName, maxAttempts int) error {
	return s.Advance(ctx, c, c.Row.Status, func(u *ent.DeploymentUpdate) {
		u.SetPhases(c.Row.Phases.Begin(name, clock(), maxAttempts))
	})
}

// NextPhase notes that a part of the work is done and the next one starts: one
// write, since each is read by all who watch.
func (s *Service) NextPhase(ctx context.Context, c *Claim, done, next lifecycle.PhaseName, maxAttempts int) error {
	return s.Advance(ctx, c, c.Row.Status, func(u *ent.DeploymentUpdate) {
		at := clock()
		u.SetPhases(c.Row.Phases.End(done, lifecycle.PhaseSucceeded, at, "").Begin(next, at, maxAttempts))
	})
}

// EndPhase notes that a part of the work is done.
func (s *Service) EndPhase(ctx context.Context, c *Claim, name lifecycle.PhaseName, detail string) error {
	return s.Advance(ctx, c, c.Row.Status, func(u *ent.DeploymentUpdate) {
		u.SetPhases(c.Row.Phases.End(name, lifecycle.PhaseSucceeded, clock(), store.Text(detail)))
	})
}
