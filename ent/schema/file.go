package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"

	"github.com/davitdev/davit/internal/ident"
)

// FileVersion is what a config file of an instance holds, or once held.
// Versions are only appended, and deleted when nothing can need them any more.
type FileVersion struct{ ent.Schema }

func (FileVersion) Mixin() []ent.Mixin { return []ent.Mixin{ID{Kind: ident.FileVersion}, Timed{}} }

func (FileVersion) Fields() []ent.Field {
	return []ent.Field{
		field.String("project_id").Immutable(),
		field.String("instance_id").Immutable(),
		field.Bytes("sealed").Sensitive().Immutable().Comment("the content"),
	}
}

func (FileVersion) Edges() []ent.Edge {
	return []ent.Edge{
		inProject("file_versions"),
		edge.From("instance", ServiceInstance.Type).Ref("file_versions").Field("instance_id").Unique().Required().Immutable(),
	}
}

func (FileVersion) Indexes() []ent.Index {
	return []ent.Index{index.Fields("instance_id"), index.Fields("project_id")}
}
