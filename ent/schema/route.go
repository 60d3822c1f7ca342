package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"

	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/lifecycle"
)

// Domain is a host name that belongs to a project. Generated names are rows of
// their own: unique on the installation, never recomputed.
type Domain struct{ ent.Schema }

func (Domain) Mixin() []ent.Mixin { return []ent.Mixin{ID{Kind: ident.Domain}, Timed{}} }

func (Domain) Fields() []ent.Field {
	return []ent.Field{
		field.String("project_id").Immutable(),
		field.String("hostname").Unique().Immutable().Comment("label below the base domain"),
	}
}

func (Domain) Edges() []ent.Edge {
	return []ent.Edge{
		inProject("domains"),
		edge.To("routes", Route.Type).Annotations(cascade()),
	}
}

// Route sends the requests for a host and a path to an instance.
type Route struct{ ent.Schema }

func (Route) Mixin() []ent.Mixin {
	return []ent.Mixin{ID{Kind: ident.Route}, Timed{}, Versioned{}}
}

func (Route) Fields() []ent.Field {
	return []ent.Field{
		field.String("project_id").Immutable(),
		field.String("environment_id").Immutable(),
		field.String("instance_id").Immutable(),
		field.String("domain_id").Immutable(),
		field.String("path").Default("/").Immutable(),
	}
}

func (Route) Edges() []ent.Edge {
	return []ent.Edge{
		inProject("routes"),
		edge.From("environment", Environment.Type).Ref("routes").Field("environment_id").Unique().Required().Immutable(),
		edge.From("instance", ServiceInstance.Type).Ref("routes").Field("instance_id").Unique().Required().Immutable(),
		edge.From("domain", Domain.Type).Ref("routes").Field("domain_id").Unique().Required().Immutable(),
	}
}

func (Route) Indexes() []ent.Index {
	return []ent.Index{index.Fields("domain_id", "path").Unique(), index.Fields("instance_id")}
}

// Artifact is a content-addressed file somebody sent: the source of a service.
type Artifact struct{ ent.Schema }

func (Artifact) Mixin() []ent.Mixin { return []ent.Mixin{ID{Kind: ident.Artifact}, Timed{}} }

func (Artifact) Fields() []ent.Field {
	return []ent.Field{
		field.String("project_id").Immutable(),
		field.String("service_id").Immutable(),
		field.String("name").Immutable(),
		field.String("sha256").Immutable(),
		field.Int64("size_bytes").Immutable(),
		field.String("upload_hash").Optional().Nillable().Unique().Sensitive().Comment("SHA-256 of the one-time token; null once received"),
		field.Time("expires_at").Optional().Nillable().Comment("of the one-time URL"),
		field.Time("received_at").Optional().Nillable(),
		field.String("created_by_id").Optional().Nillable().Immutable(),
	}
}

func (Artifact) Edges() []ent.Edge {
	return []ent.Edge{
		inProject("artifacts"),
		edge.From("service", Service.Type).Ref("artifacts").Field("service_id").Unique().Required().Immutable(),
	}
}

func (Artifact) Indexes() []ent.Index {
	return []ent.Index{index.Fields("service_id"), index.Fields("sha256")}
}

// Event is something that happened, for people and integrators. seq numbers
// the events of a workspace in the order their transactions committed.
type Event struct{ ent.Schema }

func (Event) Mixin() []ent.Mixin { return []ent.Mixin{ID{Kind: ident.Event}} }

func (Event) Fields() []ent.Field {
	return []ent.Field{
		field.String("workspace_id").Immutable(),
		field.Int64("seq").Immutable(),
		field.String("project_id").Optional().Nillable().Immutable(),
		field.String("environment_id").Optional().Nillable().Immutable(),
		field.String("service_id").Optional().Nillable().Immutable(),
		field.String("instance_id").Optional().Nillable().Immutable(),
		field.String("deployment_id").Optional().Nillable().Immutable(),
		field.String("type").Immutable(),
		field.Enum("severity").GoType(lifecycle.Severity("")).Default(string(lifecycle.Info)).Immutable(),
		field.String("subject_id").Immutable(),
		field.String("actor_id").Immutable().Comment("a user's id, or system"),
		field.String("message").Immutable(),
		field.JSON("payload", map[string]any{}).Optional().Immutable(),
		field.Time("created_at").Default(now).Immutable(),
	}
}

func (Event) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("workspace", Workspace.Type).Ref("events").Field("workspace_id").Unique().Required().Immutable(),
	}
}

func (Event) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("workspace_id", "seq").Unique(),
		index.Fields("project_id", "seq"), index.Fields("environment_id", "seq"), index.Fields("service_id", "seq"),
		index.Fields("instance_id", "seq"), index.Fields("deployment_id", "seq"),
	}
}
