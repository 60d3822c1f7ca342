package deploy

import (
	"context"
	"fmt"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/operation"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/store"
)

// OperationLimit is how long an operation may take.
const OperationLimit = 15 * time.Minute

// Job is the right to work on an operation.
type Job struct {
	ID    string
	Epoch int64
	Row   *ent.Operation
}

// ClaimOperation takes the operation id for owner and marks it running.
func (s *Service) ClaimOperation(ctx context.Context, id, owner string) (*Job, error) {
	epoch, err := s.claim(ctx, operation.Table, id, owner, "status IN ('QUEUED', 'RUNNING')")
	if err != nil {
		return nil, err
	}
	err = s.DB.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.Operation.Update().Where(operation.ID(id), operation.Epoch(epoch), operation.StatusEQ(lifecycle.OperationQueued)).
			SetStatus(lifecycle.OperationRunning).SetStartedAt(clock()).Save(ctx)
		tx.Wake(id)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("begin operation: %w", err)
	}
	op, err := s.DB.Operation.Query().Where(operation.ID(id)).Only(ctx)
	if err != nil {
		return nil, fmt.Errorf("load operation: %w", err)
	}
	return &Job{ID: id, Epoch: epoch, Row: op}, nil
}

// RenewOperation prolongs the lease of an operation that was not given back. It
// fails with ErrOvertaken if the claim is lost.
func (s *Service) RenewOperation(ctx context.Context, j *Job) error {
	n, err := s.DB.Exec(ctx, `UPDATE operations SET lease_until = {now} + ? WHERE id = ? AND epoch = ? AND status = 'RUNNING' AND lease_until > 0`,
		Lease.Milliseconds(), j.ID, j.Epoch)
	if err != nil {
		return fmt.Errorf("renew lease: %w", err)
	}
	if n == 0 {
		return ErrOvertaken
	}
	return nil
}

// Limit is how long the operation may take.
func (j *Job) Limit() time.Duration {
	return OperationLimit + time.Duration(j.Row.LimitMs)*time.Millisecond
}

// Overdue reports whether the operation has used up its time.
func (j *Job) Overdue() bool { return time.Since(j.Row.CreatedAt) > j.Limit() }

// PauseOperation notes how far an operation is and gives it back to be looked
// at again after wait.
func (s *Service) PauseOperation(ctx context.Context, j *Job, progress float64, message string, wait time.Duration) error {
	return s.DB.Tx(ctx, func(tx *store.Tx) error {
		now, err := tx.Int64s(ctx, "SELECT {now}")
		if err != nil {
			return err
		}
		n, err := tx.Operation.Update().Where(operation.ID(j.ID), operation.Epoch(j.Epoch)).
			SetProgress(progress).SetMessage(message).SetLeaseUntil(0).SetDueAt(now[0] + wait.Milliseconds()).Save(ctx)
		if err != nil {
			return fmt.Errorf("pause operation: %w", err)
		}
		if n == 0 {
			return ErrOvertaken
		}
		if j.Row.Progress == nil || *j.Row.Progress != progress || j.Row.Message == nil || *j.Row.Message != message {
			tx.Wake(j.ID)
		}
		return nil
	})
}

// FinishOperation ends an operation; failure is nil for a success.
func (s *Service) FinishOperation(ctx context.Context, j *Job, failure *lifecycle.Failure) error {
	return s.finish(ctx, j, failure, nil, nil)
}

// FinishCommand ends a command: failure is nil for one that ended with exit
// code 0, exit is nil for one that did not end by itself. One that was asked to
// stop and did not succeed before counts as canceled.
func (s *Service) FinishCommand(ctx context.Context, j *Job, exit *int, failure *lifecycle.Failure) error {
	return s.finish(ctx, j, storable(failure), nil, func(u *ent.OperationUpdate) { u.SetNillableExitCode(exit) })
}

// FinishRemoval ends an operation that deletes, and in the same transaction the
// rows of its target.
func (s *Service) FinishRemoval(ctx context.Context, j *Job) error {
	return s.finish(ctx, j, nil, func(tx *store.Tx) error { return s.Remove(ctx, tx, j.Row.TargetID) }, nil)
}

func (s *Service) finish(ctx context.Context, j *Job, failure *lifecycle.Failure, before func(*store.Tx) error, set func(*ent.OperationUpdate)) error {
	return s.DB.Tx(ctx, func(tx *store.Tx) error {
		u := tx.Operation.Update().
			Where(operation.ID(j.ID), operation.Epoch(j.Epoch), operation.StatusEQ(lifecycle.OperationRunning)).
			SetStatus(lifecycle.OperationSucceeded).SetFinishedAt(clock()).SetProgress(1).ClearMessage().SetLeaseUntil(0)
		e := store.Event{
			Scope: store.Scope{WorkspaceID: j.Row.WorkspaceID}, Type: j.Row.Kind + ".succeeded", SubjectID: j.Row.TargetID,
			Message: "Done: " + j.Row.Kind + ".",
		}
		switch {
		case failure != nil && failure.Code == fault.Canceled:
			u.SetStatus(lifecycle.OperationCanceled).SetFailure(failure)
			e.Type, e.Message = j.Row.Kind+".canceled", "Canceled: "+j.Row.Kind+"."
		case failure != nil:
			u.SetStatus(lifecycle.OperationFailed).SetFailure(failure)
			e.Type, e.Severity, e.Message = j.Row.Kind+".failed", lifecycle.Warning, "Failed: "+j.Row.Kind+": "+failure.Message
		}
		if j.Row.Kind == OpRun { // of an instance, which is there longer than its commands
			e.InstanceID, e.SubjectID = j.Row.TargetID, j.ID
		}
		if set != nil {
			set(u)
		}
		n, err := u.Save(ctx)
		if err != nil {
			return fmt.Errorf("finish operation: %w", err)
		}
		if n == 0 {
			return ErrOvertaken
		}
		if before != nil {
			if err := before(tx); err != nil {
				return err
			}
		}
		tx.Wake(j.ID)
		if j.Row.ProjectID != nil && (before == nil || j.Row.Kind != opDeleteProject) {
			e.ProjectID = *j.Row.ProjectID
		}
		return tx.Record(ctx, e)
	})
}

// opDeleteProject is project.OpDeleteProject; verbs do not import each other.
const opDeleteProject = "project.delete"

// Late is the failure of something that used up its time.
func Late(phase lifecycle.PhaseName, limit time.Duration) *lifecycle.Failure {
	return lifecycle.Explain(fault.New(fault.DeadlineExceeded, "This did not end within %s.", limit), phase)
}
