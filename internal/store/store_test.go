package store_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	atlas "ariga.io/atlas/sql/schema"
	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/schema"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/lease"
	"github.com/davitdev/davit/ent/migrations"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

// A schema change without a migration would only be noticed on somebody's
// database.
func TestMigrationsEqualTheSchema(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		name := dialect.Postgres
		if db.Embedded() {
			name = dialect.SQLite
		}
		tables, err := migrations.Tables(name)
		if err != nil {
			t.Fatal(err)
		}
		var changes []atlas.Change
		m, err := schema.NewMigrate(entsql.OpenDB(name, store.Pool(db)), schema.WithDropColumn(true), schema.WithDropIndex(true),
			schema.WithDiffHook(func(next schema.Differ) schema.Differ {
				return schema.DiffFunc(func(current, desired *atlas.Schema) ([]atlas.Change, error) {
					got, err := next.Diff(current, desired)
					for _, c := range got {
						if d, ok := c.(*atlas.DropTable); ok && d.T.Name == "schema_revisions" {
							continue
						}
						if m, ok := c.(*atlas.ModifyTable); ok && slices.IndexFunc(m.Changes, more(db)) < 0 {
							continue
						}
						changes = append(changes, c)
					}
					return nil, err // nothing is to be applied
				})
			}))
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Create(t.Context(), tables...); err != nil {
			t.Fatal(err)
		}
		for _, c := range changes {
			t.Errorf("the migrations lack %+v: run \"make generate\"", c)
		}
	})
}

// more reports whether a change of a table is more than PostgreSQL's own way of
// writing the predicate of a partial index. SQLite keeps predicates as they were
// written, so a change of one is found there.
func more(db *store.DB) func(atlas.Change) bool {
	return func(c atlas.Change) bool {
		m, ok := c.(*atlas.ModifyIndex)
		return db.Embedded() || !ok || m.Change != atlas.ChangeAttr
	}
}

func TestUpTwiceAppliesNothing(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		name := dialect.Postgres
		if db.Embedded() {
			name = dialect.SQLite
		}
		if n, err := migrations.Up(t.Context(), store.Pool(db), name); err != nil || n != 0 {
			t.Errorf("got %d files, %v; want nothing to do", n, err)
		}
		if _, err := db.Exec(t.Context(), "INSERT INTO schema_revisions (version, description, applied, total, executed_at, hash, error) VALUES ('9999', '', 1, 1, ?, '', '')", time.Now().UTC().Format(time.RFC3339Nano)); err != nil {
			t.Fatal(err)
		}
		if _, err := migrations.Up(t.Context(), store.Pool(db), name); err == nil || !strings.Contains(err.Error(), "newer version") {
			t.Errorf("a database of a newer version gives %v, want it refused", err)
		}
	})
}

func TestTenantFilter(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := storetest.System(t)
		mine, theirs := db.Workspace.Create().SetSlug("mine").SetName("Mine").SaveX(ctx), db.Workspace.Create().SetSlug("theirs").SetName("Theirs").SaveX(ctx)
		me := db.User.Create().SetUsername("me").SetDisplayName("Me").SaveX(ctx)
		other := db.User.Create().SetUsername("other").SetDisplayName("Other").SaveX(ctx)
		db.Membership.Create().SetWorkspace(mine).SetUser(me).SetRole(principal.Viewer).SaveX(ctx)
		db.Membership.Create().SetWorkspace(theirs).SetUser(other).SetRole(principal.Owner).SaveX(ctx)
		for _, w := range []*ent.Workspace{mine, theirs} {
			p := db.Project.Create().SetWorkspace(w).SetSlug("shop").SetName("Shop").SaveX(ctx)
			db.Environment.Create().SetProject(p).SetSlug("production").SetName("Production").SetKind(spec.Production).SaveX(ctx)
		}
		as := func(p principal.Principal) context.Context { return principal.With(t.Context(), p) }
		asMe := as(principal.Principal{Kind: principal.User, UserID: me.ID})

		if got := db.Project.Query().WithEnvironments().AllX(asMe); len(got) != 1 || got[0].WorkspaceID != mine.ID || len(got[0].Edges.Environments) != 1 {
			t.Errorf("a member sees %v", got)
		}
		if n := db.Environment.Query().CountX(asMe); n != 1 {
			t.Errorf("a member sees %d environments, want 1", n)
		}
		if n := db.User.Query().CountX(asMe); n != 1 {
			t.Errorf("a member sees %d users, want only themselves", n)
		}
		if n := db.Project.Query().CountX(as(principal.Principal{Kind: principal.User, UserID: me.ID, PlatformAdmin: true})); n != 2 {
			t.Errorf("a platform administrator sees %d projects, want 2", n)
		}
		if _, err := db.Project.Query().All(t.Context()); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("without a principal: %v, want UNAUTHENTICATED", err)
		}
		if _, err := db.Outbox.Query().All(asMe); err == nil {
			t.Error("a type without a filter can be read by a user")
		}
	})
}

// What a lost update looks like must be the same on both databases.
func TestCompareAndSet(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := storetest.System(t)
		db.Lease.Create().SetID("leader").SetOwner("").SaveX(ctx)
		var won atomic.Int64
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				n, err := db.Lease.Update().Where(lease.ID("leader"), lease.EpochEQ(0)).AddEpoch(1).Save(ctx)
				if err != nil {
					t.Error(err)
				}
				won.Add(int64(n))
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%d of 8 won, want 1", won.Load())
		}
	})
}

func TestTx(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := storetest.System(t)
		boom := errors.New("boom")
		err := db.Tx(ctx, func(tx *store.Tx) error {
			tx.Workspace.Create().SetSlug("w").SetName("W").SaveX(ctx)
			return boom
		})
		if !errors.Is(err, boom) {
			t.Errorf("got %v", err)
		}
		if n := db.Workspace.Query().CountX(ctx); n != 0 {
			t.Errorf("a failed transaction left %d rows", n)
		}
	})
}

// Whoever waits for a change is not left waiting because nobody heard that it was
// made.
func TestACommitWhoseAnswerIsLostWakes(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := storetest.System(t)
		lost := errors.New("the answer is lost")
		deaf := db.Through(func(_ context.Context, s store.Step, do func() error) error {
			err := do()
			if s.Write {
				err = errors.Join(err, lost)
			}
			return err
		})
		var woken []string
		deaf.Publish = func(topics ...string) { woken = append(woken, topics...) }
		err := deaf.Tx(ctx, func(tx *store.Tx) error {
			tx.Wake("b", "a", "b")
			return tx.Workspace.Create().SetSlug("w").SetName("W").Exec(ctx)
		})
		if !errors.Is(err, lost) || db.Workspace.Query().CountX(ctx) != 1 {
			t.Fatalf("got %v, want a commit whose answer is lost", err)
		}
		if !slices.Equal(woken, []string{"a", "b"}) {
			t.Errorf("woken: %v", woken)
		}
	})
}

func TestNowMillis(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		now, err := db.NowMillis(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if d := time.Since(time.UnixMilli(now)).Abs(); d > time.Minute {
			t.Errorf("the database's clock is off by %s", d)
		}
	})
}
