package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/event"
	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

// add makes a workspace for rows to belong to.
func add(t *testing.T, db *store.DB, slug string) *ent.Workspace {
	t.Helper()
	return db.Workspace.Create().SetSlug(slug).SetName(slug).SaveX(storetest.System(t))
}

// A reader that remembers the last number it saw must never miss an event that
// commits later with a lower one.
func TestEventNumbersFollowTheOrderOfCommits(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := storetest.System(t)
		a, b := add(t, db, "a"), add(t, db, "b")
		const writers, each = 4, 10
		stop, read := make(chan struct{}), make(chan error, 1)
		go func() { read <- follow(ctx, db, a.ID, stop) }()
		var wg sync.WaitGroup
		for n := range writers {
			wg.Go(func() {
				for i := range each {
					err := db.Tx(ctx, func(tx *store.Tx) error {
						// Two workspaces, recorded in either order, must not deadlock.
						ids := []string{a.ID, b.ID}
						if n%2 == 1 {
							slices.Reverse(ids)
						}
						for _, id := range ids {
							if err := tx.Record(ctx, store.Event{Scope: store.Scope{WorkspaceID: id}, Type: "test.done", SubjectID: id, Message: fmt.Sprint(n, i)}); err != nil {
								return err
							}
						}
						if i%5 == 4 {
							return errAborted // takes no number
						}
						return nil
					})
					if err != nil && !errors.Is(err, errAborted) {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		close(stop)
		if err := <-read; err != nil {
			t.Error(err)
		}
		for _, w := range []*ent.Workspace{a, b} {
			seqs := db.Event.Query().Where(event.WorkspaceID(w.ID)).Order(event.BySeq()).Select(event.FieldSeq).IntsX(ctx)
			if len(seqs) != writers*each*4/5 || seqs[0] != 1 || seqs[len(seqs)-1] != len(seqs) {
				t.Errorf("got the numbers %v, want them dense from 1", seqs)
			}
		}
	})
}

var errAborted = errors.New("aborted")

// follow reads the events of a workspace as a feed does, until stop is closed,
// and fails if a number was skipped.
func follow(ctx context.Context, db *store.DB, workspaceID string, stop <-chan struct{}) error {
	last := int64(0)
	for {
		stopped := false
		select {
		case <-stop:
			stopped = true
		default:
		}
		page, err := db.Event.Query().Where(event.WorkspaceID(workspaceID), event.SeqGT(last)).Order(event.BySeq()).All(ctx)
		if err != nil {
			return err
		}
		for _, e := range page {
			if e.Seq != last+1 {
				return fmt.Errorf("after event %d came %d", last, e.Seq)
			}
			last = e.Seq
		}
		if stopped {
			return nil
		}
	}
}

func TestRecord(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := storetest.System(t)
		w := add(t, db, "w")
		var woken []string
		db.Publish = func(topics ...string) { woken = append(woken, topics...) }
		err := db.Tx(ctx, func(tx *store.Tx) error {
			return tx.Record(ctx, store.Event{
				Scope: store.Scope{WorkspaceID: w.ID, ProjectID: "prj_x"}, Type: "project.created", SubjectID: "prj_x",
				Message: "It said \x00 and \xff.", Payload: map[string]any{"code": "X"},
			})
		})
		if err != nil {
			t.Fatalf("a message with bytes that a database refuses: %v", err)
		}
		e := db.Event.Query().OnlyX(ctx)
		if e.Message != "It said \uFFFD and \uFFFD." || e.ActorID != "system" || *e.ProjectID != "prj_x" || e.EnvironmentID != nil || e.Payload["code"] != "X" {
			t.Errorf("got %+v", e)
		}
		slices.Sort(woken)
		if want := []string{"prj_x", w.ID}; !slices.Equal(woken, want) {
			t.Errorf("woke %v, want %v", woken, want)
		}
		if err := db.Tx(t.Context(), func(tx *store.Tx) error { return tx.Record(t.Context(), store.Event{}) }); err == nil {
			t.Error("an event without anybody who caused it was recorded")
		}
	})
}

func TestARolledBackTransactionWakesNobody(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := storetest.System(t)
		db.Installation.Create().SetSingleton(1).SetKeyCheck("k").SaveX(ctx)
		db.Publish = func(topics ...string) { t.Errorf("woke %v", topics) }
		err := db.Tx(ctx, func(tx *store.Tx) error {
			tx.ChangeRoutes()
			tx.Wake("prj_x")
			if err := tx.Ring(ctx, "task:x", "prj_x"); err != nil {
				t.Error(err)
			}
			return errAborted
		})
		if !errors.Is(err, errAborted) {
			t.Fatal(err)
		}
		if n := db.Outbox.Query().CountX(ctx); n != 0 {
			t.Errorf("%d doorbells wait for work that was never committed", n)
		}
		if v := db.Installation.Query().OnlyX(ctx).RouteVersion; v != 0 {
			t.Errorf("the routes have version %d", v)
		}
	})
}

func TestChangeRoutesRaisesTheVersionOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := storetest.System(t)
		db.Installation.Create().SetSingleton(1).SetKeyCheck("k").SaveX(ctx)
		var woken []string
		db.Publish = func(topics ...string) { woken = append(woken, topics...) }
		err := db.Tx(ctx, func(tx *store.Tx) error {
			tx.ChangeRoutes()
			tx.ChangeRoutes()
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if v := db.Installation.Query().OnlyX(ctx).RouteVersion; v != 1 || !slices.Equal(woken, []string{store.RoutesTopic}) {
			t.Errorf("version %d, woke %v", v, woken)
		}
	})
}

func TestOperate(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := add(t, db, "w")
		u := db.User.Create().SetUsername("u").SetDisplayName("U").SaveX(storetest.System(t))
		db.Membership.Create().SetWorkspace(w).SetUser(u).SetRole(principal.Owner).ExecX(storetest.System(t))
		ctx := principal.With(t.Context(), principal.Principal{Kind: principal.User, UserID: u.ID})
		var op *ent.Operation
		err := db.Tx(ctx, func(tx *store.Tx) error {
			var err error
			op, err = tx.Operate(ctx, store.Scope{WorkspaceID: w.ID}, "service.restart", "ins_x", nil)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if op.ActorID != u.ID || op.ProjectID != nil || op.Status != "QUEUED" {
			t.Errorf("got %+v", op)
		}
		o := db.Outbox.Query().OnlyX(storetest.System(t))
		if o.Task != store.TaskOperation || o.TargetID != op.ID {
			t.Errorf("rang for %s %s", o.Task, o.TargetID)
		}
	})
}
