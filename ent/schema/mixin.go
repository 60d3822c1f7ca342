// Package schema declares the rows. It imports nothing that is generated, so
// ent can always be generated from scratch.
package schema

import (
	"time"

	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"entgo.io/ent/schema/mixin"

	"github.com/davitdev/davit/internal/ident"
)

// ID gives a row an id of its kind. Columns named id and …_id compare byte by
// byte on both databases (migrations see to it), so that ids sort by age.
type ID struct {
	mixin.Schema
	Kind ident.Kind
}

func (m ID) Fields() []ent.Field {
	return []ent.Field{field.String("id").DefaultFunc(ident.Maker(m.Kind)).Unique().Immutable()}
}

// Timed gives a row the time it was made and last changed, UTC.
type Timed struct{ mixin.Schema }

func (Timed) Fields() []ent.Field {
	return []ent.Field{
		field.Time("created_at").Default(now).Immutable(),
		field.Time("updated_at").Default(now).UpdateDefault(now),
	}
}

// now is the time as both databases keep it: UTC, microseconds.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// Versioned gives a row the number that expectedVersion is compared with.
type Versioned struct{ mixin.Schema }

func (Versioned) Fields() []ent.Field {
	return []ent.Field{field.Int("version").Default(1)}
}

// Claimed makes a row something a worker claims: whoever raises the epoch owns
// it until the lease ends, and every later write names the epoch.
type Claimed struct{ mixin.Schema }

func (Claimed) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("epoch").Default(0).Comment("fence: raised by each claim"),
		field.String("owner").Default("").Comment("process that holds the lease"),
		field.Int64("lease_until").Default(0).Comment("Unix milliseconds on the database's clock"),
		field.Int("attempt").Default(0).Comment("failed attempts in a row at the present step"),
		field.Int64("due_at").Default(0).Comment("Unix milliseconds: not to be claimed before"),
	}
}

func (Claimed) Indexes() []ent.Index { return []ent.Index{index.Fields("due_at")} }

// cascade deletes children with their parent.
func cascade() schema.Annotation { return entsql.OnDelete(entsql.Cascade) }

// inProject is the edge of everything a project owns. The tenant filter of
// store reads its column.
func inProject(ref string) ent.Edge {
	return edge.From("project", Project.Type).Ref(ref).Field("project_id").Unique().Required().Immutable()
}

// setNull forgets the parent when it is deleted.
func setNull() schema.Annotation { return entsql.OnDelete(entsql.SetNull) }
