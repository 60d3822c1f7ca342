package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"

	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/lifecycle"
)

// Operation is any long-running thing but a deployment. It outlives its
// target, so it names it by id only.
type Operation struct{ ent.Schema }

func (Operation) Mixin() []ent.Mixin {
	return []ent.Mixin{ID{Kind: ident.Operation}, Timed{}, Claimed{}}
}

func (Operation) Fields() []ent.Field {
	return []ent.Field{
		field.String("workspace_id").Immutable(),
		field.String("project_id").Optional().Nillable().Immutable(),
		field.String("kind").Immutable().Comment("verb and noun, such as service.restart"),
		field.String("target_id").Immutable(),
		field.String("actor_id").Immutable(),
		field.Enum("status").GoType(lifecycle.OperationStatus("")).Default(string(lifecycle.OperationQueued)),
		field.Float("progress").Optional().Nillable().Comment("0 … 1"),
		field.String("message").Optional().Nillable(),
		field.JSON("failure", &lifecycle.Failure{}).Optional(),
		field.JSON("input", map[string]string{}).Optional().Immutable(),
		// Of a command alone.
		field.JSON("command", []string{}).Optional().Immutable().Comment("argv"),
		field.String("deployment_id").Optional().Nillable().Immutable().Comment("whose image and variables it gets"),
		field.Int64("limit_ms").Default(0).Immutable().Comment("how long it may run"),
		field.String("container_id").Optional().Nillable().Comment("what it runs in, once there is one: there is no second"),
		field.Time("scheduled_at").Optional().Nillable().Immutable().Comment("when a run of a cron service was due"),
		field.Bool("cancel_requested").Default(false),
		field.Int("exit_code").Optional().Nillable(),

		field.Time("started_at").Optional().Nillable(),
		field.Time("finished_at").Optional().Nillable(),
	}
}

func (Operation) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("workspace", Workspace.Type).Ref("operations").Field("workspace_id").Unique().Required().Immutable(),
	}
}

func (Operation) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("target_id", "kind", "id"),
		// The database, not the code, promises one run a tick.
		index.Fields("target_id", "scheduled_at").StorageKey("operation_one_a_tick").Unique().
			Annotations(entsql.IndexWhere("scheduled_at IS NOT NULL")),
		index.Fields("status", "id").StorageKey("operation_open").
			Annotations(entsql.IndexWhere("status IN ('QUEUED', 'RUNNING')")),
	}
}

// Outbox says that work waits. A row is written in the transaction that makes
// the work, and deleted once a doorbell has been rung for it.
type Outbox struct{ ent.Schema }

func (Outbox) Mixin() []ent.Mixin { return []ent.Mixin{ID{Kind: ident.Outbox}} }

func (Outbox) Fields() []ent.Field {
	return []ent.Field{
		field.String("task").Immutable().Comment("task type"),
		field.String("target_id").Immutable(),
		field.Time("created_at").Default(now).Immutable(),
	}
}

// Installation is the one row that says which Davit this is.
type Installation struct{ ent.Schema }

func (Installation) Mixin() []ent.Mixin {
	return []ent.Mixin{ID{Kind: ident.Installation}, Timed{}}
}

func (Installation) Fields() []ent.Field {
	return []ent.Field{
		field.Int("singleton").Unique().Immutable().Comment("always 1"),
		field.String("key_check").Comment("keyed hash by which a wrong secret key is noticed"),
		field.Int64("route_version").Default(0).Comment("raised by whatever changes the table of routes"),
	}
}

// Lease is held by the one process that does something for all.
type Lease struct{ ent.Schema }

func (Lease) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").Immutable(),
		field.String("owner"),
		field.Int64("epoch").Default(0),
		field.Int64("lease_until").Default(0).Comment("Unix milliseconds on the database's clock"),
	}
}

// EventCounter numbers the events of a workspace. Raising it locks the row to
// the end of the transaction, which makes seq follow the order of commits.
type EventCounter struct{ ent.Schema }

func (EventCounter) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").Immutable().Comment("of the workspace"),
		field.Int64("seq").Default(0),
	}
}

// IdempotencyKey remembers what a mutation made, so that its retry makes it
// only once.
type IdempotencyKey struct{ ent.Schema }

func (IdempotencyKey) Mixin() []ent.Mixin { return []ent.Mixin{ID{Kind: ident.IdempotencyKey}} }

func (IdempotencyKey) Fields() []ent.Field {
	return []ent.Field{
		field.String("principal_id").Immutable(),
		field.String("key").Immutable(),
		field.String("mutation").Immutable(),
		field.String("request_hash").Immutable(),
		field.String("result_id").Immutable(),
		field.Time("created_at").Default(now).Immutable(),
	}
}

func (IdempotencyKey) Indexes() []ent.Index {
	return []ent.Index{index.Fields("principal_id", "key").Unique(), index.Fields("created_at")}
}
