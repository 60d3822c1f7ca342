package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"

	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/spec"
)

// Deployment is one attempt to change an instance: an immutable snapshot of
// what was wanted, and how far it came. A row only moves forward.
type Deployment struct{ ent.Schema }

func (Deployment) Mixin() []ent.Mixin {
	return []ent.Mixin{ID{Kind: ident.Deployment}, Timed{}, Claimed{}}
}

func (Deployment) Fields() []ent.Field {
	return []ent.Field{
		field.String("project_id").Immutable(),
		field.String("instance_id").Immutable(),
		field.String("environment_id").Immutable(),
		field.String("service_id").Immutable(),
		field.Int("number").Immutable().Comment("counted from 1 per instance"),

		// The snapshot.
		field.Enum("trigger").GoType(lifecycle.Trigger("")).Immutable(),
		field.String("created_by_id").Optional().Nillable().Immutable(),
		field.String("message").Optional().Nillable().Immutable(),
		field.JSON("source", spec.Source{}).Immutable(),
		field.JSON("settings", spec.Settings{}).Immutable(),
		field.JSON("variables", []spec.VariableRef{}).Immutable().Comment("versions in force when it was requested"),
		field.Bool("skip_build_cache").Default(false).Immutable(),
		field.String("rolled_back_from_id").Optional().Nillable().Immutable(),

		// How far it came.
		field.Enum("status").GoType(lifecycle.Status("")).Default(string(lifecycle.Queued)),
		field.Enum("conclusion").GoType(lifecycle.Conclusion("")).Optional().Nillable(),
		field.Bool("is_active").Default(false).Comment("serves now"),
		field.JSON("phases", lifecycle.Phases{}).Default(lifecycle.Phases{}),
		field.JSON("failure", &lifecycle.Failure{}).Optional(),
		field.JSON("commit", &spec.Commit{}).Optional().Comment("what was fetched of a git repository"),
		field.JSON("image", &spec.ImageRef{}).Optional().Comment("what its replicas run"),
		field.JSON("bundle", &spec.BundleRef{}).Optional().Comment("what is served of a static site, which has no replicas"),
		field.String("pre_deploy_container_id").Optional().Nillable().Comment("of its pre-deploy command, once there is one: there is no second"),
		field.String("cancel_reason").Optional().Nillable().Comment("set: it is to be canceled; a fault code"),
		field.Time("started_at").Optional().Nillable(),
		field.Time("traffic_switched_at").Optional().Nillable(),
		field.Time("completed_at").Optional().Nillable(),
		field.Int64("deadline_at").Default(0).Comment("Unix milliseconds: to be ended by then; 0 while it waits behind another"),
	}
}

func (Deployment) Edges() []ent.Edge {
	return []ent.Edge{
		inProject("deployments"),
		edge.From("instance", ServiceInstance.Type).Ref("deployments").Field("instance_id").Unique().Required().Immutable(),
		edge.To("environment", Environment.Type).Field("environment_id").Unique().Required().Immutable().Annotations(cascade()),
		edge.To("service", Service.Type).Field("service_id").Unique().Required().Immutable().Annotations(cascade()),
		edge.To("created_by", User.Type).Field("created_by_id").Unique().Immutable().Annotations(setNull()),
		// Named from both ends: an edge of a type to itself with one end is one to
		// one, and a deployment may be rolled back to more than once.
		edge.To("rollbacks", Deployment.Type).Annotations(setNull()).
			From("rolled_back_from").Field("rolled_back_from_id").Unique().Immutable(),
		edge.To("replicas", Replica.Type).Annotations(cascade()),
		edge.To("build", Build.Type).Unique().Annotations(cascade()),
	}
}

func (Deployment) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("instance_id", "number").Unique(),
		index.Fields("project_id", "id"),
		// Who deletes a deployment looks for those that were rolled back to it.
		index.Fields("rolled_back_from_id").Annotations(entsql.IndexWhere("rolled_back_from_id IS NOT NULL")),
		// The database, not the code, promises these two.
		index.Fields("instance_id").StorageKey("deployment_one_active").Unique().
			Annotations(entsql.IndexWhere("is_active")),
		index.Fields("instance_id").StorageKey("deployment_one_running").Unique().
			Annotations(entsql.IndexWhere("status IN ('PREPARING', 'BUILDING', 'DEPLOYING')")),
		// What the reconciler looks at: few rows among many.
		index.Fields("instance_id", "number").StorageKey("deployment_open").
			Annotations(entsql.IndexWhere("status <> 'COMPLETED'")),
	}
}

// Build is how a deployment's image came about.
type Build struct{ ent.Schema }

func (Build) Mixin() []ent.Mixin { return []ent.Mixin{ID{Kind: ident.Build}, Timed{}} }

func (Build) Fields() []ent.Field {
	return []ent.Field{
		field.String("project_id").Immutable(),
		field.String("deployment_id").Immutable(),
		field.Enum("status").GoType(lifecycle.BuildStatus("")).Default(string(lifecycle.BuildQueued)),
		field.Enum("builder").GoType(spec.Builder("")).Default(string(spec.Auto)),
		field.String("platform").Default(""),
		field.String("recipe").Default("").Immutable().Comment("names all that the image is made of"),
		field.Int("ahead").Default(0).Comment("how many waited for a slot before it when it asked last"),
		field.JSON("steps", []lifecycle.BuildStep{}).Default([]lifecycle.BuildStep{}),
		field.JSON("failure", &lifecycle.Failure{}).Optional(),
		field.Time("started_at").Optional().Nillable(),
		field.Time("finished_at").Optional().Nillable(),
	}
}

func (Build) Edges() []ent.Edge {
	return []ent.Edge{
		inProject("builds"),
		edge.From("deployment", Deployment.Type).Ref("build").Field("deployment_id").Unique().Required().Immutable(),
	}
}

func (Build) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("recipe"),
		// Those that wait for a slot or have one: few among many.
		index.Fields("status", "id").StorageKey("build_open").Annotations(entsql.IndexWhere("status IN ('QUEUED', 'RUNNING')")),
	}
}

// Replica is one container of a deployment.
type Replica struct{ ent.Schema }

func (Replica) Mixin() []ent.Mixin { return []ent.Mixin{ID{Kind: ident.Replica}, Timed{}} }

func (Replica) Fields() []ent.Field {
	return []ent.Field{
		field.String("project_id").Immutable(),
		field.String("instance_id").Immutable(),
		field.String("deployment_id").Immutable(),
		field.String("process").Default("").Immutable().Comment("what it runs; empty: the service itself"),
		field.Int("slot").Immutable().Comment("0 … of the replicas of its process"),
		field.Int("generation").Immutable().Comment("rises with each replacement in the slot"),
		field.Bool("replace").Default(false).Comment("to be drained once a younger one in the slot is healthy"),
		field.String("container_name").Immutable(),
		field.String("container_id").Optional().Nillable(),
		field.String("addr").Optional().Nillable().Comment("host:port the proxy dials"),
		field.Enum("status").GoType(lifecycle.ReplicaStatus("")).Default(string(lifecycle.ReplicaCreated)),
		field.Enum("health").GoType(lifecycle.Health("")).Default(string(lifecycle.HealthUnknown)),
		field.Int("restarts").Default(0),
		field.Int("failures").Default(0).Comment("bad ends in a row, for the backoff"),
		field.Int("last_exit_code").Optional().Nillable(),
		field.Bool("oom_killed").Default(false),
		field.Time("started_at").Optional().Nillable(),
		field.Time("ended_at").Optional().Nillable(),
		field.Int64("due_at").Default(0).Comment("Unix milliseconds: not to be started before"),
	}
}

func (Replica) Edges() []ent.Edge {
	return []ent.Edge{
		inProject("replicas"),
		edge.From("instance", ServiceInstance.Type).Ref("replicas").Field("instance_id").Unique().Required().Immutable(),
		edge.From("deployment", Deployment.Type).Ref("replicas").Field("deployment_id").Unique().Required().Immutable(),
	}
}

func (Replica) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("deployment_id", "process", "slot", "generation").Unique(),
		index.Fields("instance_id"),
		index.Fields("container_name").Unique(),
		// Those that exist: few among many.
		index.Fields("instance_id").StorageKey("replica_live").Annotations(entsql.IndexWhere("status <> 'REMOVED'")),
	}
}
