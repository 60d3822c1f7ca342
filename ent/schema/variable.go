package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"

	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/spec"
)

// Variable is a named value of a scope: a whole project, one environment, or
// one service in one environment. The narrower scope wins.
type Variable struct{ ent.Schema }

func (Variable) Mixin() []ent.Mixin { return []ent.Mixin{ID{Kind: ident.Variable}, Timed{}} }

func (Variable) Fields() []ent.Field {
	return []ent.Field{
		field.String("project_id").Immutable(),
		field.String("environment_id").Optional().Nillable().Immutable(),
		field.String("instance_id").Optional().Nillable().Immutable(),
		field.Enum("scope").GoType(spec.Scope("")).Immutable(),
		field.String("target_id").Immutable().Comment("id of the project, environment or instance"),
		field.String("name").Immutable(),
		field.Bool("secret").Default(false),
		field.Bool("build").Default(true).Comment("given to builds"),
		field.Bool("runtime").Default(true).Comment("given to replicas"),
		field.Int("version").Default(0).Comment("number of the version in force"),
		field.String("digest").Default("").Comment("keyed hash of the value in force"),
		field.String("current_id").Optional().Nillable().Comment("version in force"),
		field.String("updated_by_id").Optional().Nillable(),
		field.Time("removed_at").Optional().Nillable().Comment("unset; kept while a deployment can be rolled back to it"),
	}
}

func (Variable) Edges() []ent.Edge {
	return []ent.Edge{
		inProject("variables"),
		edge.From("environment", Environment.Type).Ref("variables").Field("environment_id").Unique().Immutable(),
		edge.From("instance", ServiceInstance.Type).Ref("variables").Field("instance_id").Unique().Immutable(),
		edge.To("updated_by", User.Type).Field("updated_by_id").Unique().Annotations(setNull()),
		edge.To("versions", VariableVersion.Type).Annotations(cascade()),
		edge.To("current", VariableVersion.Type).Field("current_id").Unique().Annotations(setNull()),
	}
}

func (Variable) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("target_id", "name").Unique().Annotations(entsql.IndexWhere("removed_at IS NULL")),
		index.Fields("project_id"),
	}
}

// VariableVersion is a value a variable once had. Versions are only appended.
type VariableVersion struct{ ent.Schema }

func (VariableVersion) Mixin() []ent.Mixin {
	return []ent.Mixin{ID{Kind: ident.VariableVersion}, Timed{}}
}

func (VariableVersion) Fields() []ent.Field {
	return []ent.Field{
		field.String("project_id").Immutable(),
		field.String("variable_id").Immutable(),
		field.Int("number").Immutable(),
		field.Bytes("sealed").Sensitive().Immutable().Comment("the value"),
	}
}

func (VariableVersion) Edges() []ent.Edge {
	return []ent.Edge{
		inProject("variable_versions"),
		edge.From("variable", Variable.Type).Ref("versions").Field("variable_id").Unique().Required().Immutable(),
	}
}

func (VariableVersion) Indexes() []ent.Index {
	return []ent.Index{index.Fields("variable_id", "number").Unique()}
}
