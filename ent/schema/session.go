package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"

	"github.com/davitdev/davit/internal/ident"
)

// LoginSession is a browser that somebody is signed in with. It speaks for a
// token, may do what that may, and is gone with it.
type LoginSession struct{ ent.Schema }

func (LoginSession) Mixin() []ent.Mixin {
	return []ent.Mixin{ID{Kind: ident.LoginSession}, Timed{}}
}

func (LoginSession) Fields() []ent.Field {
	return []ent.Field{
		field.String("user_id").Immutable(),
		field.String("token_id").Immutable(),
		field.String("hash").Unique().Immutable().Sensitive().Comment("SHA-256 of the cookie, hex"),
		field.String("ip").Optional().Nillable().Immutable().Comment("it was made from"),
		field.String("user_agent").Optional().Nillable().Immutable(),
		field.Time("last_seen_at").Default(now),
		field.Time("expires_at").Comment("moves on with last_seen_at"),
	}
}

func (LoginSession) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("user", User.Type).Ref("login_sessions").Field("user_id").Unique().Required().Immutable(),
		edge.From("token", APIToken.Type).Ref("login_sessions").Field("token_id").Unique().Required().Immutable(),
	}
}

func (LoginSession) Indexes() []ent.Index {
	return []ent.Index{index.Fields("user_id"), index.Fields("token_id"), index.Fields("expires_at")}
}

// ClaimLink lets whoever opens it first begin a session of a token. It is
// deleted by that.
type ClaimLink struct{ ent.Schema }

func (ClaimLink) Mixin() []ent.Mixin { return []ent.Mixin{ID{Kind: ident.ClaimLink}, Timed{}} }

func (ClaimLink) Fields() []ent.Field {
	return []ent.Field{
		field.String("token_id").Immutable(),
		field.String("hash").Unique().Immutable().Sensitive().Comment("SHA-256 of the link's secret, hex"),
		field.Time("expires_at").Immutable(),
	}
}

func (ClaimLink) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("token", APIToken.Type).Ref("claim_links").Field("token_id").Unique().Required().Immutable(),
	}
}

func (ClaimLink) Indexes() []ent.Index {
	return []ent.Index{index.Fields("token_id"), index.Fields("expires_at")}
}
