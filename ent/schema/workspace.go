package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"

	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/principal"
)

// Workspace owns projects, members, credentials and a slug namespace.
type Workspace struct{ ent.Schema }

func (Workspace) Mixin() []ent.Mixin {
	return []ent.Mixin{ID{Kind: ident.Workspace}, Timed{}, Versioned{}}
}

func (Workspace) Fields() []ent.Field {
	return []ent.Field{
		field.String("slug").Unique(),
		field.String("name"),
		field.String("description").Optional().Nillable(),
	}
}

func (Workspace) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("memberships", Membership.Type).Annotations(cascade()),
		edge.To("projects", Project.Type),
		edge.To("registry_credentials", RegistryCredential.Type).Annotations(cascade()),
		edge.To("operations", Operation.Type).Annotations(cascade()),
		edge.To("events", Event.Type).Annotations(cascade()),
	}
}

// User is a person. The operator is one.
type User struct{ ent.Schema }

func (User) Mixin() []ent.Mixin { return []ent.Mixin{ID{Kind: ident.User}, Timed{}} }

func (User) Fields() []ent.Field {
	return []ent.Field{
		field.String("username").Unique(),
		field.String("display_name"),
		field.String("email").Optional().Nillable().Unique(),
		field.Bool("is_platform_admin").Default(false),
	}
}

func (User) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("memberships", Membership.Type).Annotations(cascade()),
		edge.To("api_tokens", APIToken.Type).Annotations(cascade()),
		edge.To("login_sessions", LoginSession.Type).Annotations(cascade()),
	}
}

// Membership gives a user a role in a workspace.
type Membership struct{ ent.Schema }

func (Membership) Mixin() []ent.Mixin {
	return []ent.Mixin{ID{Kind: ident.Membership}, Timed{}}
}

func (Membership) Fields() []ent.Field {
	return []ent.Field{
		field.String("workspace_id").Immutable(),
		field.String("user_id").Immutable(),
		field.Enum("role").GoType(principal.Role("")),
	}
}

func (Membership) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("workspace", Workspace.Type).Ref("memberships").Field("workspace_id").Unique().Required().Immutable(),
		edge.From("user", User.Type).Ref("memberships").Field("user_id").Unique().Required().Immutable(),
	}
}

func (Membership) Indexes() []ent.Index {
	return []ent.Index{index.Fields("user_id", "workspace_id").Unique(), index.Fields("workspace_id")}
}

// APIToken lets a program speak for a user. Only the hash of its secret is
// kept.
type APIToken struct{ ent.Schema }

func (APIToken) Mixin() []ent.Mixin { return []ent.Mixin{ID{Kind: ident.APIToken}, Timed{}} }

func (APIToken) Fields() []ent.Field {
	return []ent.Field{
		field.String("user_id").Immutable(),
		field.String("name"),
		field.String("hash").Unique().Immutable().Sensitive().Comment("SHA-256 of the token, hex"),
		field.Strings("scopes").Immutable(),
		field.Time("expires_at").Optional().Nillable(),
		field.Time("last_used_at").Optional().Nillable(),
	}
}

func (APIToken) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("user", User.Type).Ref("api_tokens").Field("user_id").Unique().Required().Immutable(),
		edge.To("login_sessions", LoginSession.Type).Annotations(cascade()),
		edge.To("claim_links", ClaimLink.Type).Annotations(cascade()),
	}
}

// RegistryCredential opens the private images of one registry host.
type RegistryCredential struct{ ent.Schema }

func (RegistryCredential) Mixin() []ent.Mixin {
	return []ent.Mixin{ID{Kind: ident.RegistryCredential}, Timed{}}
}

func (RegistryCredential) Fields() []ent.Field {
	return []ent.Field{
		field.String("workspace_id").Immutable(),
		field.String("host").Immutable(),
		field.String("username"),
		field.Bytes("password").Sensitive().Comment("sealed"),
		field.Time("last_used_at").Optional().Nillable(),
	}
}

func (RegistryCredential) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("workspace", Workspace.Type).Ref("registry_credentials").Field("workspace_id").Unique().Required().Immutable(),
	}
}

func (RegistryCredential) Indexes() []ent.Index {
	return []ent.Index{index.Fields("workspace_id", "host").Unique()}
}
