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

// Project holds environments and services. Everything below it carries its id,
// which is what the tenant filter reads.
type Project struct{ ent.Schema }

func (Project) Mixin() []ent.Mixin {
	return []ent.Mixin{ID{Kind: ident.Project}, Timed{}, Versioned{}}
}

func (Project) Fields() []ent.Field {
	return []ent.Field{
		field.String("workspace_id"),
		field.String("slug"),
		field.String("name"),
		field.String("description").Optional().Nillable(),
		field.Bool("deleting").Default(false),
		field.String("created_by_id").Optional().Nillable().Immutable(),
	}
}

func (Project) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("workspace", Workspace.Type).Ref("projects").Field("workspace_id").Unique().Required(),
		edge.To("created_by", User.Type).Field("created_by_id").Unique().Immutable().Annotations(setNull()),
		edge.To("environments", Environment.Type).Annotations(cascade()),
		edge.To("services", Service.Type).Annotations(cascade()),
		edge.To("instances", ServiceInstance.Type).Annotations(cascade()),
		edge.To("deployments", Deployment.Type).Annotations(cascade()),
		edge.To("builds", Build.Type).Annotations(cascade()),
		edge.To("replicas", Replica.Type).Annotations(cascade()),
		edge.To("variables", Variable.Type).Annotations(cascade()),
		edge.To("variable_versions", VariableVersion.Type).Annotations(cascade()),
		edge.To("file_versions", FileVersion.Type).Annotations(cascade()),
		edge.To("domains", Domain.Type).Annotations(cascade()),
		edge.To("routes", Route.Type).Annotations(cascade()),
		edge.To("artifacts", Artifact.Type).Annotations(cascade()),
		edge.To("git_credentials", GitCredential.Type).Annotations(cascade()),
	}
}

func (Project) Indexes() []ent.Index {
	return []ent.Index{index.Fields("workspace_id", "slug").Unique(), index.Fields("workspace_id", "updated_at")}
}

// Environment is one place in which a project's services run.
type Environment struct{ ent.Schema }

func (Environment) Mixin() []ent.Mixin {
	return []ent.Mixin{ID{Kind: ident.Environment}, Timed{}, Versioned{}}
}

func (Environment) Fields() []ent.Field {
	return []ent.Field{
		field.String("project_id").Immutable(),
		field.String("slug"),
		field.String("name"),
		field.Enum("kind").GoType(spec.EnvironmentKind("")),
		field.Enum("concurrency").GoType(lifecycle.Policy("")).Default(string(lifecycle.Supersede)),
		field.String("color").Optional().Nillable(),
		field.Bool("deleting").Default(false),
	}
}

func (Environment) Edges() []ent.Edge {
	return []ent.Edge{
		inProject("environments"),
		edge.To("instances", ServiceInstance.Type).Annotations(cascade()),
		edge.To("variables", Variable.Type).Annotations(cascade()),
		edge.To("routes", Route.Type).Annotations(cascade()),
	}
}

func (Environment) Indexes() []ent.Index {
	return []ent.Index{index.Fields("project_id", "slug").Unique()}
}

// Service is one deployable thing of a project.
type Service struct{ ent.Schema }

func (Service) Mixin() []ent.Mixin {
	return []ent.Mixin{ID{Kind: ident.Service}, Timed{}, Versioned{}}
}

func (Service) Fields() []ent.Field {
	return []ent.Field{
		field.String("project_id").Immutable(),
		field.String("slug").Immutable().Comment("its name inside the project's network"),
		field.String("name"),
		field.Enum("kind").GoType(spec.Kind("")).Immutable(),
		field.JSON("source", spec.Source{}),
		field.Bool("deleting").Default(false),
	}
}

func (Service) Edges() []ent.Edge {
	return []ent.Edge{
		inProject("services"),
		edge.To("instances", ServiceInstance.Type).Annotations(cascade()),
		edge.To("artifacts", Artifact.Type).Annotations(cascade()),
		edge.To("git_credential", GitCredential.Type).Unique().Annotations(cascade()),
	}
}

func (Service) Indexes() []ent.Index {
	return []ent.Index{index.Fields("project_id", "slug").Unique()}
}

// GitCredential opens the private repository of a service, on one host only:
// whoever changes the address of the repository does not get the secret sent
// there.
type GitCredential struct{ ent.Schema }

func (GitCredential) Mixin() []ent.Mixin {
	return []ent.Mixin{ID{Kind: ident.GitCredential}, Timed{}}
}

func (GitCredential) Fields() []ent.Field {
	return []ent.Field{
		field.String("project_id").Immutable(),
		field.String("service_id").Immutable(),
		field.Enum("kind").GoType(spec.GitCredentialKind("")),
		field.String("host").Comment("the only one it is sent to, with its port"),
		field.String("username").Default("").Comment("who signs in"),
		field.Bytes("secret").Sensitive().Comment("sealed: the token, or the private half of the key in PEM"),
		field.String("public_key").Optional().Nillable().Comment("of a deploy key, a line of authorized_keys"),
		field.Time("last_used_at").Optional().Nillable(),
	}
}

func (GitCredential) Edges() []ent.Edge {
	return []ent.Edge{
		inProject("git_credentials"),
		edge.From("service", Service.Type).Ref("git_credential").Field("service_id").Unique().Required().Immutable(),
	}
}

// ServiceInstance is a service in one environment: the settings in force, what
// should run and, through its replicas, what does.
type ServiceInstance struct{ ent.Schema }

func (ServiceInstance) Mixin() []ent.Mixin {
	return []ent.Mixin{ID{Kind: ident.Instance}, Timed{}, Versioned{}, Claimed{}}
}

func (ServiceInstance) Fields() []ent.Field {
	return []ent.Field{
		field.String("project_id").Immutable(),
		field.String("service_id").Immutable(),
		field.String("environment_id").Immutable(),
		field.JSON("settings", spec.Settings{}),
		field.Int("replica_count").Default(1).Comment("replicas that should run"),
		field.JSON("process_replicas", map[string]int{}).Optional().Comment("the same of its processes, where a person scaled them"),
		field.String("schedule").Default("").Comment("of a cron service: what next_run_at was reckoned by; empty while nothing runs it"),
		field.Int64("next_run_at").Default(0).Comment("Unix milliseconds on the database's clock: when a cron service is due; 0: never"),
		field.Bool("stopped").Default(false).Comment("a person stopped it"),
		field.Bool("deleting").Default(false),
		field.Int("last_number").Default(0).Comment("number of the newest deployment"),
		field.Enum("status").GoType(lifecycle.InstanceStatus("")).Default(string(lifecycle.NotDeployed)),
		field.Enum("health").GoType(lifecycle.Health("")).Default(string(lifecycle.HealthUnknown)),
		field.String("state_reason").Optional().Nillable(),
		field.Bool("dirty").Default(false).Comment("wanted and running may differ: to be converged"),
	}
}

func (ServiceInstance) Edges() []ent.Edge {
	return []ent.Edge{
		inProject("instances"),
		edge.From("service", Service.Type).Ref("instances").Field("service_id").Unique().Required().Immutable(),
		edge.From("environment", Environment.Type).Ref("instances").Field("environment_id").Unique().Required().Immutable(),
		edge.To("deployments", Deployment.Type).Annotations(cascade()),
		edge.To("replicas", Replica.Type).Annotations(cascade()),
		edge.To("routes", Route.Type).Annotations(cascade()),
		edge.To("variables", Variable.Type).Annotations(cascade()),
		edge.To("file_versions", FileVersion.Type).Annotations(cascade()),
	}
}

func (ServiceInstance) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("service_id", "environment_id").Unique(), index.Fields("environment_id"), index.Fields("project_id"),
		index.Fields("next_run_at").StorageKey("instance_cron").Annotations(entsql.IndexWhere("next_run_at > 0")),
	}
}
