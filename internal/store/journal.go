package store

import (
	"context"
	"fmt"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/principal"
)

// OutboxTopic is woken when a transaction has written to the outbox.
const OutboxTopic = "outbox"

// Wake notes topics to be woken once the transaction has committed. A topic is
// the id of what changed.
func (tx *Tx) Wake(topics ...string) { tx.wakes = append(tx.wakes, topics...) }

// Ring notes that task waits for the row id: the outbox row makes sure that a
// doorbell is rung, however the process ends after the commit.
func (tx *Tx) Ring(ctx context.Context, task, id string) error {
	if err := tx.Outbox.Create().SetTask(task).SetTargetID(id).Exec(ctx); err != nil {
		return fmt.Errorf("write outbox: %w", err)
	}
	tx.Wake(OutboxTopic)
	return nil
}

// Scope says where an event happened: the ids from the workspace down to what
// it is about. Only the workspace is required.
type Scope struct {
	WorkspaceID, ProjectID, EnvironmentID, ServiceID, InstanceID, DeploymentID string
}

// topics are the ids whose feeds show the event.
func (s Scope) topics() []string {
	var out []string
	for _, id := range []string{s.WorkspaceID, s.ProjectID, s.EnvironmentID, s.ServiceID, s.InstanceID, s.DeploymentID} {
		if id != "" {
			out = append(out, id)
		}
	}
	return out
}

// Event is something to be recorded.
type Event struct {
	Scope
	Type      string // noun.verb in the past, such as "deployment.succeeded"
	Severity  lifecycle.Severity
	SubjectID string // row it is about
	Message   string // one sentence for people
	Payload   map[string]any
}

// Record writes an event on behalf of the principal of ctx and numbers it. It
// is called last in a transaction: from here to the commit no other event of
// the workspace can be written, which is what makes the numbers follow the
// order of the commits.
func (tx *Tx) Record(ctx context.Context, e Event) error {
	p, err := principal.From(ctx)
	if err != nil {
		return err
	}
	seq, err := tx.Int64s(ctx, `INSERT INTO event_counters (id, seq) VALUES (?, 1)
		ON CONFLICT (id) DO UPDATE SET seq = event_counters.seq + 1 RETURNING seq`, e.WorkspaceID)
	if err != nil {
		return fmt.Errorf("number event: %w", err)
	}
	c := tx.Tx.Event.Create().
		SetWorkspaceID(e.WorkspaceID).SetSeq(seq[0]).SetType(e.Type).SetSubjectID(e.SubjectID).
		SetNillableProjectID(nonEmpty(e.ProjectID)).SetNillableEnvironmentID(nonEmpty(e.EnvironmentID)).
		SetNillableServiceID(nonEmpty(e.ServiceID)).SetNillableInstanceID(nonEmpty(e.InstanceID)).
		SetNillableDeploymentID(nonEmpty(e.DeploymentID)).
		SetActorID(p.ID()).SetMessage(e.Message).SetPayload(e.Payload)
	if e.Severity != "" {
		c.SetSeverity(e.Severity)
	}
	if err := c.Exec(ctx); err != nil {
		return fmt.Errorf("record event: %w", err)
	}
	tx.Wake(e.topics()...)
	return nil
}

// TaskOperation is the task that carries out an operation.
const TaskOperation = "operation:run"

// Operate makes an operation of the given kind on target and rings for it.
func (tx *Tx) Operate(ctx context.Context, s Scope, kind, targetID string, input map[string]string) (*ent.Operation, error) {
	p, err := principal.From(ctx)
	if err != nil {
		return nil, err
	}
	op, err := tx.Operation.Create().
		SetWorkspaceID(s.WorkspaceID).SetNillableProjectID(nonEmpty(s.ProjectID)).
		SetKind(kind).SetTargetID(targetID).SetActorID(p.ID()).SetInput(input).
		SetStatus(lifecycle.OperationQueued).
		Save(ctx)
	if err != nil {
		return nil, fmt.Errorf("create operation: %w", err)
	}
	tx.Wake(op.ID)
	return op, tx.Ring(ctx, TaskOperation, op.ID)
}

func nonEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
