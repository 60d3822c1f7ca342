package store_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/davitdev/davit/ent/workspace"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

// once makes a workspace named by slug, once per idempotency key of ctx.
func once(ctx context.Context, db *store.DB, mutation string, input any, slug string) (id string, err error) {
	err = db.Tx(ctx, func(tx *store.Tx) error {
		id, err = tx.Once(ctx, mutation, input, func() (string, error) {
			w, err := tx.Workspace.Create().SetSlug(slug).SetName(slug).Save(ctx)
			if err != nil {
				return "", err
			}
			return w.ID, nil
		})
		return err
	})
	return id, err
}

func TestOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		as := func(user, key string) context.Context {
			return principal.WithIdempotencyKey(principal.With(t.Context(), principal.Principal{Kind: principal.User, UserID: user}), key)
		}
		mine := as("usr_a", "key")
		first, err := once(mine, db, "create", 1, "first")
		if err != nil {
			t.Fatal(err)
		}
		if again, err := once(mine, db, "create", 1, "second"); err != nil || again != first {
			t.Errorf("a retry made %q, %v; want %q again", again, err, first)
		}
		for what, err := range map[string]error{
			"another input":    errOf(once(mine, db, "create", 2, "x")),
			"another mutation": errOf(once(mine, db, "remove", 1, "x")),
		} {
			if !fault.Is(err, fault.IdempotencyKeyReused) {
				t.Errorf("%s under the same key: %v, want %s", what, err, fault.IdempotencyKeyReused)
			}
		}
		if id, err := once(as("usr_b", "key"), db, "create", 1, "third"); err != nil || id == first {
			t.Errorf("somebody else's same key gave %q, %v", id, err)
		}
		if id, err := once(principal.AsSystem(t.Context()), db, "create", 1, "fourth"); err != nil || id == first {
			t.Errorf("without a key: %q, %v", id, err)
		}
		// What failed may be tried again with the same key.
		if _, err := once(as("usr_a", "other"), db, "create", 1, "first"); err == nil {
			t.Error("a taken slug was no error")
		}
		if _, err := once(as("usr_a", "other"), db, "create", 1, "fifth"); err != nil {
			t.Errorf("after a failure: %v", err)
		}
		if _, err := once(as("usr_a", strings.Repeat("\x00long ", 1000)), db, "create", 1, "sixth"); err != nil {
			t.Errorf("a hostile key: %v", err)
		}
	})
}

func errOf(_ string, err error) error { return err }

func TestAKeyIsForgottenAfterADay(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := principal.WithIdempotencyKey(storetest.System(t), "key")
		first, err := once(ctx, db, "create", 1, "first")
		if err != nil {
			t.Fatal(err)
		}
		age(t, db, store.IdempotencyWindow-time.Hour)
		if id, err := once(ctx, db, "create", 1, "second"); err != nil || id != first {
			t.Errorf("within a day: %q, %v; want %q", id, err, first)
		}
		age(t, db, store.IdempotencyWindow+time.Minute)
		// Many at once renew it: one makes something, the others find that.
		ids := make([]string, 4)
		var wg sync.WaitGroup
		for i := range ids {
			wg.Go(func() {
				id, err := once(ctx, db, "create", 2, ident.New("tmp"))
				if err != nil {
					t.Error(err)
				}
				ids[i] = id
			})
		}
		wg.Wait()
		for _, id := range ids {
			if id == first || id != ids[0] {
				t.Errorf("after a day the key gave %v, want one new id", ids)
			}
		}
		if n := db.Workspace.Query().CountX(ctx); n != 2 {
			t.Errorf("%d rows were made, want 2", n)
		}
	})
}

// age makes every idempotency key d old.
func age(t *testing.T, db *store.DB, d time.Duration) {
	t.Helper()
	if _, err := db.Exec(t.Context(), "UPDATE idempotency_keys SET created_at = ?", time.Now().UTC().Add(-d)); err != nil {
		t.Fatal(err)
	}
}

func TestOfManyWithOneKeyOneWins(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := principal.WithIdempotencyKey(storetest.System(t), "key")
		ids := make([]string, 6)
		var wg sync.WaitGroup
		for i := range ids {
			wg.Go(func() {
				id, err := once(ctx, db, "create", 1, ident.New("tmp"))
				if err != nil {
					t.Error(err)
				}
				ids[i] = id
			})
		}
		wg.Wait()
		for _, id := range ids {
			if id != ids[0] {
				t.Errorf("got %v, want one id", ids)
			}
		}
		if n := db.Workspace.Query().Where(workspace.SlugHasPrefix("tmp_")).CountX(ctx); n != 1 {
			t.Errorf("%d rows were made, want 1", n)
		}
	})
}

func TestRace(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := storetest.System(t)
		add(t, db, "taken")
		runs := 0
		err := db.Tx(ctx, func(tx *store.Tx) error {
			runs++
			slug := "taken"
			if runs == 3 {
				slug = "free"
			}
			return store.Race(tx.Workspace.Create().SetSlug(slug).SetName(slug).Exec(ctx))
		})
		if err != nil || runs != 3 {
			t.Errorf("ran %d times, %v; want success in the third", runs, err)
		}
		runs = 0
		err = db.Tx(ctx, func(*store.Tx) error { runs++; return store.Race(errAborted) })
		if !errors.Is(err, errAborted) || runs != 1 {
			t.Errorf("another error was tried %d times: %v", runs, err)
		}
	})
}

// Two transactions that lock two rows the other way round: PostgreSQL ends one
// of them, which is then run again.
func TestADeadlockIsRunAgain(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := storetest.System(t)
		a, b := add(t, db, "a"), add(t, db, "b")
		var both sync.WaitGroup // each has its first lock; an SQLite transaction never waits in the middle
		if !db.Embedded() {
			both.Add(2)
		}
		lock := func(tx *store.Tx, id string) error {
			_, err := tx.Strings(ctx, "SELECT id FROM workspaces WHERE id = ? {lock}", id)
			return err
		}
		var wg sync.WaitGroup
		for _, ids := range [][2]string{{a.ID, b.ID}, {b.ID, a.ID}} {
			wg.Go(func() {
				first := true
				err := db.Tx(ctx, func(tx *store.Tx) error {
					if err := lock(tx, ids[0]); err != nil {
						return err
					}
					if first && !db.Embedded() {
						first = false
						both.Done()
						both.Wait()
					}
					return lock(tx, ids[1])
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	})
}
