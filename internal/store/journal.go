package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/principal"
)

// Topics that are no row's id.
const (
	// OutboxTopic is woken when a transaction has written to the outbox.
	OutboxTopic = "outbox"
	// RoutesTopic is woken when the table of routes has changed.
	RoutesTopic = "routes"
)

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

// InstanceScope is where the events of an instance happen, which was loaded with
// its project.
func InstanceScope(i *ent.ServiceInstance) Scope {
	return Scope{
		WorkspaceID: i.Edges.Project.WorkspaceID, ProjectID: i.ProjectID, EnvironmentID: i.EnvironmentID,
		ServiceID: i.ServiceID, InstanceID: i.ID,
	}
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

// Record notes an event on behalf of the principal of ctx. It is written and
// numbered as the last thing before the commit: from then on no other event of
// the workspace can be, which is what makes the numbers follow the order of the
// commits, and no transaction waits for a row while it holds up the numbers.
func (tx *Tx) Record(ctx context.Context, e Event) error {
	p, err := principal.From(ctx)
	if err != nil {
		return err
	}
	tx.events = append(tx.events, recorded{e, p.ID()})
	tx.Wake(e.topics()...)
	return nil
}

// recorded is an event and who caused it.
type recorded struct {
	Event
	actorID string
}

// ChangeRoutes notes that the table of routes changes with this transaction:
// its version rises once, right before the commit.
func (tx *Tx) ChangeRoutes() {
	tx.routes = true
	tx.Wake(RoutesTopic)
}

// flush writes what was noted for the end of the transaction. Its rows are the
// ones that transactions share, so they are locked last and in one order: the
// version of the routes, then the counters of events by workspace.
func (tx *Tx) flush(ctx context.Context) error {
	if tx.routes {
		if _, err := tx.Exec(ctx, "UPDATE installations SET route_version = route_version + 1"); err != nil {
			return fmt.Errorf("note change of routes: %w", err)
		}
	}
	slices.SortStableFunc(tx.events, func(a, b recorded) int { return strings.Compare(a.WorkspaceID, b.WorkspaceID) })
	for _, e := range tx.events {
		if err := tx.number(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

func (tx *Tx) number(ctx context.Context, e recorded) error {
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
		SetActorID(e.actorID).SetMessage(Text(e.Message)).SetPayload(e.Payload)
	if e.Severity != "" {
		c.SetSeverity(e.Severity)
	}
	if err := c.Exec(ctx); err != nil {
		return fmt.Errorf("record event: %w", err)
	}
	return nil
}

// Text is s as both databases take it, in a column and inside JSON: what is not
// UTF-8, and the NUL that PostgreSQL refuses, are replaced.
func Text(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// TaskOperation is the task that carries out an operation.
const TaskOperation = "operation:run"

// Operate makes an operation of the given kind on target, with what set adds,
// and rings for it.
func (tx *Tx) Operate(ctx context.Context, s Scope, kind, targetID string, input map[string]string, set ...func(*ent.OperationCreate)) (*ent.Operation, error) {
	p, err := principal.From(ctx)
	if err != nil {
		return nil, err
	}
	c := tx.Operation.Create().
		SetWorkspaceID(s.WorkspaceID).SetNillableProjectID(nonEmpty(s.ProjectID)).
		SetKind(kind).SetTargetID(targetID).SetActorID(p.ID()).SetInput(input).
		SetStatus(lifecycle.OperationQueued)
	for _, add := range set {
		add(c)
	}
	op, err := c.Save(ctx)
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
