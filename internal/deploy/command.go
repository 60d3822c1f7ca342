package deploy

import (
	"context"
	"fmt"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/ent/operation"
	"github.com/davitdev/davit/ent/predicate"
	"github.com/davitdev/davit/internal/access"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
)

// OpRun is an operation that runs a command with the image and the variables
// of what served when it was asked for.
const OpRun = "service.run"

// Bounds of how long a command may run.
const (
	minCommandLimit = time.Second
	maxCommandLimit = 24 * time.Hour
)

// Command asks for a command to be run.
type Command struct {
	InstanceID string
	Words      []string // argv
	Limit      time.Duration
}

// RunCommand begins to run a command; without words, of a cron service alone,
// what that runs when it is due. Its events name the program, not the
// words after it: they may be secrets.
func (s *Service) RunCommand(ctx context.Context, c Command) (*ent.Operation, error) {
	i, err := access.Instance(ctx, s.DB.Client, access.Exec, c.InstanceID)
	if err != nil {
		return nil, err
	}
	if len(c.Words) > 0 || i.Edges.Service.Kind != spec.Cron {
		if err := spec.CheckWords("command", c.Words); err != nil {
			return nil, err
		}
	}
	if c.Limit < minCommandLimit || c.Limit > maxCommandLimit {
		return nil, fault.At("timeout", fault.Invalid, "A command may run for a second to a day.")
	}
	var id string
	err = s.DB.Tx(ctx, func(tx *store.Tx) error {
		i, err := access.LockInstance(ctx, tx, c.InstanceID)
		if err != nil {
			return err
		}
		id, err = tx.Once(ctx, "runCommand", c, func() (string, error) {
			op, err := s.command(ctx, tx, i, c)
			if err != nil {
				return "", err
			}
			return op.ID, nil
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return access.Operation(ctx, s.DB.Client, access.Exec, id)
}

// command makes the operation of a command on a locked instance.
func (s *Service) command(ctx context.Context, tx *store.Tx, i *ent.ServiceInstance, c Command) (*ent.Operation, error) {
	if err := hasReplicas(ctx, tx, i); err != nil {
		return nil, err
	}
	active, err := tx.Deployment.Query().Where(deployment.InstanceID(i.ID), deployment.IsActive(true)).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, fault.New(fault.Conflict, "The service is not deployed here yet: deploy it first.")
	}
	if err != nil {
		return nil, fmt.Errorf("find active deployment: %w", err)
	}
	if active.Image == nil {
		return nil, fault.New(fault.Conflict, "A static site has no container, so that there is nothing to run a command in.")
	}
	words, name := c.Words, "its own"
	if len(words) == 0 {
		words, _ = active.Settings.Command() // nil: what its image says
	} else {
		name = words[0]
	}
	op, err := tx.Operate(ctx, store.InstanceScope(i), OpRun, i.ID, nil, func(o *ent.OperationCreate) {
		if words != nil {
			o.SetCommand(words)
		}
		o.SetDeploymentID(active.ID).SetLimitMs(c.Limit.Milliseconds())
	})
	if err != nil {
		return nil, err
	}
	return op, tx.Record(ctx, store.Event{
		Scope: store.InstanceScope(i), Type: OpRun + ".requested", SubjectID: op.ID,
		Message: fmt.Sprintf("A command, %s, is run for %s in %s.", name, i.Edges.Service.Name, i.Edges.Environment.Name),
	})
}

// CancelOperation stops a command. One that waits ends at once, one that runs
// is asked to. Canceling twice is no error; an operation that runs no command,
// or has ended otherwise, is CONFLICT.
func (s *Service) CancelOperation(ctx context.Context, id string) (*ent.Operation, error) {
	op, err := access.Operation(ctx, s.DB.Client, access.Exec, id)
	if err != nil {
		return nil, err
	}
	if op.DeploymentID == nil {
		return nil, fault.New(fault.Conflict, "Only an operation that runs a command can be canceled.")
	}
	err = s.DB.Tx(ctx, func(tx *store.Tx) error {
		n, err := s.cancelCommands(ctx, tx, operation.ID(id))
		if err != nil || n > 0 {
			return err
		}
		now, err := tx.Operation.Query().Where(operation.ID(id)).Only(ctx)
		switch {
		case err != nil:
			return fmt.Errorf("load operation: %w", err)
		case now.CancelRequested, now.Status == lifecycle.OperationCanceled:
			return nil
		default:
			return fault.New(fault.Conflict, "The command has ended.")
		}
	})
	if err != nil {
		return nil, err
	}
	return access.Operation(ctx, s.DB.Client, access.Exec, id)
}

// cancelCommands asks those commands to stop that have not ended, and reports
// how many those are. A worker ends them, also those that did not begin: it
// alone knows whether a container is there.
func (s *Service) cancelCommands(ctx context.Context, tx *store.Tx, which ...predicate.Operation) (int, error) {
	open := append([]predicate.Operation{
		operation.Kind(OpRun), operation.StatusIn(lifecycle.OperationQueued, lifecycle.OperationRunning), operation.CancelRequested(false),
	}, which...)
	ids, err := tx.Operation.Query().Where(open...).Order(operation.ByID()).IDs(ctx)
	if err != nil {
		return 0, fmt.Errorf("find commands: %w", err)
	}
	n := 0
	for _, id := range ids {
		one, err := tx.Operation.Update().Where(append(open, operation.ID(id))...).SetCancelRequested(true).SetDueAt(0).Save(ctx)
		if err != nil {
			return n, fmt.Errorf("cancel command: %w", err)
		}
		if one == 0 {
			continue
		}
		n++
		tx.Wake(id)
		if err := tx.Ring(ctx, TaskOperate, id); err != nil {
			return n, err
		}
	}
	return n, nil
}

// CommandDeployment is what a command gets its image and variables of. It fails
// with CONFLICT if that is gone.
func (s *Service) CommandDeployment(ctx context.Context, j *Job) (*ent.Deployment, error) {
	if j.Row.DeploymentID == nil {
		return nil, fmt.Errorf("deploy: operation %s runs no command", j.ID)
	}
	d, err := s.DB.Deployment.Query().Where(deployment.ID(*j.Row.DeploymentID)).WithProject().Only(ctx)
	if ent.IsNotFound(err) {
		return nil, fault.New(fault.Conflict, "What the command was to run in was deleted.")
	}
	if err != nil {
		return nil, fmt.Errorf("load deployment: %w", err)
	}
	return d, nil
}

// KeepContainer notes the container of a command. It fails with ErrOvertaken if
// the claim is lost.
func (s *Service) KeepContainer(ctx context.Context, j *Job, containerID string) error {
	return s.setJob(ctx, j, func(u *ent.OperationUpdate) { u.SetContainerID(containerID) })
}

func (s *Service) setJob(ctx context.Context, j *Job, set func(*ent.OperationUpdate)) error {
	return s.DB.Tx(ctx, func(tx *store.Tx) error {
		u := tx.Operation.Update().Where(operation.ID(j.ID), operation.Epoch(j.Epoch), operation.StatusEQ(lifecycle.OperationRunning))
		set(u)
		n, err := u.Save(ctx)
		if err != nil {
			return fmt.Errorf("write operation: %w", err)
		}
		if n == 0 {
			return ErrOvertaken
		}
		return nil
	})
}

// WakeOperation makes an operation that has not ended due at once.
func (s *Service) WakeOperation(ctx context.Context, id string) error {
	if _, err := s.DB.Exec(ctx, `UPDATE operations SET due_at = 0 WHERE id = ? AND status IN ('QUEUED', 'RUNNING')`, id); err != nil {
		return fmt.Errorf("wake operation: %w", err)
	}
	return nil
}

// Commands lists the commands that were run for instances.
func (s *Service) Commands(ctx context.Context, instanceIDs []string) ([]string, error) {
	ids, err := s.DB.Operation.Query().Where(operation.Kind(OpRun), operation.TargetIDIn(instanceIDs...)).IDs(ctx)
	if err != nil {
		return nil, fmt.Errorf("list commands: %w", err)
	}
	return ids, nil
}

// OperationExists reports whether an operation is there.
func (s *Service) OperationExists(ctx context.Context, id string) (bool, error) {
	return s.DB.Operation.Query().Where(operation.ID(id)).Exist(ctx)
}

// OperationOver reports whether an operation has ended. One that is gone has
// not.
func (s *Service) OperationOver(ctx context.Context, id string) (bool, error) {
	op, err := s.DB.Operation.Query().Where(operation.ID(id)).Only(ctx)
	if ent.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("find operation: %w", err)
	}
	return op.Status.Final(), nil
}
