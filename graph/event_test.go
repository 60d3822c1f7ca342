package graph_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/event"
	"github.com/davitdev/davit/ent/membership"
	"github.com/davitdev/davit/graph"
	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

const eventsFeed = `subscription($id: ID!, $types: [String!], $after: Cursor) { events(scopeId: $id, types: $types, after: $after) { id cursor type message } }`

// record notes an event in a transaction of its own.
func (w *world) record(at store.Scope, kind, message string) {
	w.Helper()
	check(w, w.db.Tx(w.system, func(tx *store.Tx) error {
		return tx.Record(w.system, store.Event{Scope: at, Type: kind, SubjectID: at.WorkspaceID, Message: message})
	}))
}

// mark records an event in a workspace and returns its cursor.
func (tn *tenant) mark() string {
	tn.owner.Helper()
	tn.owner.record(store.Scope{WorkspaceID: tn.workspace.ID}, "test.mark", "mark")
	return tn.owner.do(`query($id: ID!) { node(id: $id) { ... on Workspace { events(first: 1) { nodes { cursor message } } } } }`, vars{"id": tn.workspace.ID}).
		ok().text("node.events.nodes.0.cursor")
}

func TestEventsAreShownToTheScopesTheyHappenIn(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		tn := w.tenant("st")
		full := store.Scope{
			WorkspaceID: tn.workspace.ID, ProjectID: tn.project.ID, EnvironmentID: tn.environment.ID,
			ServiceID: tn.service.ID, InstanceID: tn.instance.ID, DeploymentID: tn.deployment.ID,
		}
		scopes := []string{full.WorkspaceID, full.ProjectID, full.EnvironmentID, full.ServiceID, full.InstanceID, full.DeploymentID}
		var feeds []*feed
		after := tn.mark()
		for _, id := range scopes {
			feeds = append(feeds, tn.owner.subscribe(eventsFeed, vars{"id": id, "types": []string{"test.shown"}, "after": after}))
		}
		// From the workspace down, each event happens one level deeper.
		want := make([][]string, len(scopes))
		for depth := range scopes {
			at := store.Scope{WorkspaceID: full.WorkspaceID}
			for i, into := range []struct{ to, from *string }{
				{&at.ProjectID, &full.ProjectID},
				{&at.EnvironmentID, &full.EnvironmentID},
				{&at.ServiceID, &full.ServiceID},
				{&at.InstanceID, &full.InstanceID},
				{&at.DeploymentID, &full.DeploymentID},
			} {
				if i < depth {
					*into.to = *into.from
				}
			}
			w.record(at, "test.hidden", "hidden")
			w.record(at, "test.shown", fmt.Sprint(depth))
			for i := range depth + 1 {
				want[i] = append(want[i], fmt.Sprint(depth))
			}
		}
		for i, f := range feeds {
			var got []string
			for range want[i] {
				got = append(got, f.next().ok().text("events.message"))
			}
			if diff := cmp.Diff(want[i], got); diff != "" {
				t.Errorf("the feed of %s shows %s", scopes[i], diff)
			}
		}
	})
}

// Several transactions commit at once; the reader leaves now and then and comes
// back with its last cursor.
func TestNoEventIsLostUnderConcurrentCommits(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		const writers, each = 8, 25
		w := newWorld(t, db)
		tn := w.tenant("st")
		at := store.Scope{WorkspaceID: tn.workspace.ID, ProjectID: tn.project.ID}
		cursor := tn.mark()
		var writing sync.WaitGroup
		for i := range writers {
			writing.Go(func() {
				for j := range each {
					w.record(at, "test.done", fmt.Sprint(i, j))
				}
			})
		}
		defer writing.Wait()
		var got []string
		for len(got) < writers*each {
			f := tn.owner.subscribe(eventsFeed, vars{"id": tn.project.ID, "after": cursor})
			for range min(40, writers*each-len(got)) {
				a := f.next().ok()
				got, cursor = append(got, a.text("events.message")), a.text("events.cursor")
			}
			f.leave()
		}
		writing.Wait()
		var want []string
		for i := range writers {
			for j := range each {
				want = append(want, fmt.Sprint(i, j))
			}
			mine := slices.DeleteFunc(slices.Clone(got), func(s string) bool { return !slices.Contains(want[i*each:], s) })
			if !slices.Equal(mine, want[i*each:]) {
				t.Errorf("of writer %d came %v", i, mine)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%d events, want %d", len(got), len(want))
		}
	})
}

func TestAFeedWithoutACursorBeginsNow(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		tn := w.tenant("st")
		at := store.Scope{WorkspaceID: tn.workspace.ID, ProjectID: tn.project.ID}
		w.record(at, "test.done", "old")
		f := tn.owner.subscribe(eventsFeed, vars{"id": tn.project.ID})
		shown, stop := make(chan int), make(chan struct{})
		go func() { // it begins at a moment that nobody outside can see
			defer close(shown)
			for n := 0; ; n++ {
				select {
				case <-stop:
					shown <- n
					return
				default:
					w.record(at, "test.done", fmt.Sprint(n))
				}
			}
		}()
		first, err := strconv.Atoi(f.next().ok().text("events.message"))
		close(stop)
		recorded := <-shown
		if err != nil {
			t.Fatalf("the feed begins with what happened before it: %v", err)
		}
		for n := first + 1; n < recorded; n++ {
			if got := f.next().ok().text("events.message"); got != fmt.Sprint(n) {
				t.Fatalf("after %d comes %s", n-1, got)
			}
		}
	})
}

func TestAnEventFeedIsChecked(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		tn, other := w.tenant("st"), w.tenant("other")
		foreign := other.owner.do(`query($id: ID!) { node(id: $id) { ... on Event { cursor } } }`, vars{"id": other.event.ID}).ok().text("node.cursor")
		listed := tn.owner.do(`query($id: ID!) { node(id: $id) { ... on Workspace { events { pageInfo { endCursor } } } } }`, vars{"id": tn.workspace.ID}).
			ok().text("node.events.pageInfo.endCursor")
		for name, c := range map[string]struct {
			v    vars
			code string
		}{
			"a scope of somebody else":    {vars{"id": other.project.ID}, "NOT_FOUND"},
			"a scope that is none":        {vars{"id": tn.replica.ID}, "NOT_FOUND"},
			"a scope that does not exist": {vars{"id": ident.New(ident.Project)}, "NOT_FOUND"},
			"an id that is none":          {vars{"id": "x'; DROP TABLE events; --"}, "NOT_FOUND"},
			"a cursor of another feed":    {vars{"id": tn.project.ID, "after": foreign}, "CURSOR_INVALID"},
			"a cursor of a list":          {vars{"id": tn.project.ID, "after": listed}, "CURSOR_INVALID"},
			"a cursor from nowhere":       {vars{"id": tn.project.ID, "after": "!"}, "CURSOR_INVALID"},
			"an empty cursor":             {vars{"id": tn.project.ID, "after": ""}, "CURSOR_INVALID"},
		} {
			if got := tn.owner.subscribe(eventsFeed, c.v).ends(); got != c.code {
				t.Errorf("%s: it ends with %s, want %s", name, got, c.code)
			}
		}
	})
}

func TestAnEventFeedEndsWithItsPermissionOrItsScope(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		tn := w.tenant("st")
		after := tn.mark()
		at := store.Scope{WorkspaceID: tn.workspace.ID, ProjectID: tn.project.ID}
		f := tn.owner.subscribe(eventsFeed, vars{"id": tn.project.ID, "after": after, "types": []string{"test.done"}})
		g := tn.owner.subscribe(eventsFeed, vars{"id": tn.environment.ID, "after": after, "types": []string{"test.done"}})
		w.record(store.Scope{WorkspaceID: tn.workspace.ID, ProjectID: tn.project.ID, EnvironmentID: tn.environment.ID}, "test.done", "one")
		f.next().ok()
		g.next().ok()
		w.change(func(tx *store.Tx) error { return tx.Environment.DeleteOneID(tn.environment.ID).Exec(w.system) }, tn.environment.ID)
		g.fails("NOT_FOUND")
		w.db.Membership.Delete().Where(membership.UserID(tn.owner.ID)).ExecX(w.system)
		w.record(at, "test.done", "two")
		f.fails("NOT_FOUND")
	})
}

// Whatever is removed with a project, nobody waits for events of it for ever.
func TestAnEventFeedEndsWithWhatItsScopeBelongsTo(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		tn := w.tenant("st")
		after := tn.mark()
		feeds := map[string]*feed{}
		for _, id := range []string{tn.project.ID, tn.environment.ID, tn.service.ID, tn.instance.ID, tn.deployment.ID} {
			f := tn.owner.subscribe(eventsFeed, vars{"id": id, "after": after, "types": []string{"test.done"}})
			feeds[id] = f
		}
		w.record(store.Scope{
			WorkspaceID: tn.workspace.ID, ProjectID: tn.project.ID, EnvironmentID: tn.environment.ID,
			ServiceID: tn.service.ID, InstanceID: tn.instance.ID, DeploymentID: tn.deployment.ID,
		}, "test.done", "one")
		for _, f := range feeds {
			f.next().ok()
		}
		w.change(func(tx *store.Tx) error { return w.verbs.Remove(w.system, tx, tn.project.ID) })
		for _, f := range feeds {
			f.fails("NOT_FOUND")
		}
	})
}

// A feed of few types in a workspace of many events reads each once.
func TestAnEventFeedGoesOnBehindWhatItDoesNotShow(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		tn := w.tenant("st")
		at := store.Scope{WorkspaceID: tn.workspace.ID, ProjectID: tn.project.ID}
		seq := int64(0)
		read := func(types ...string) []*ent.Event {
			list, next, err := graph.EventsAfter(w.resolver, w.system, tn.workspace.ID, tn.project.ID, types, seq)
			check(t, err)
			seq = next
			return list
		}
		newest := func() int64 {
			return w.db.Event.Query().Where(event.WorkspaceID(tn.workspace.ID)).Order(ent.Desc(event.FieldSeq)).FirstX(w.system).Seq
		}
		w.record(at, "test.hidden", "hidden")
		if list := read("test.shown"); len(list) != 0 || seq != newest() {
			t.Errorf("%d events are shown, and all are read up to %d of %d", len(list), seq, newest())
		}
		for range 3 {
			w.record(at, "test.shown", "shown")
		}
		w.record(store.Scope{WorkspaceID: tn.workspace.ID}, "test.shown", "elsewhere")
		if list := read("test.shown"); len(list) != 3 || seq != newest() {
			t.Errorf("%d events are shown, and all are read up to %d of %d", len(list), seq, newest())
		}
		for range 101 { // one more than is read at once
			w.record(at, "test.shown", "shown")
		}
		if list := read("test.shown"); len(list) != 100 || seq != newest()-1 {
			t.Errorf("%d events are shown, and all are read up to %d of %d", len(list), seq, newest())
		}
		if list := read("test.shown"); len(list) != 1 || seq != newest() {
			t.Errorf("%d events are shown, and all are read up to %d of %d", len(list), seq, newest())
		}
		if list := read("test.shown"); len(list) != 0 || seq != newest() {
			t.Errorf("%d events are shown, and all are read up to %d of %d", len(list), seq, newest())
		}
	})
}

// What breaks is not complete: a client that is told so would not come back.
func TestAStreamThatBreaksSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.SQLite(t))
	tn := w.tenant("st")
	var broken atomic.Bool
	w.resolver.DB = w.db.Through(func(_ context.Context, _ store.Step, do func() error) error {
		if broken.Load() {
			panic("broken")
		}
		return do()
	}).Client
	at := store.Scope{WorkspaceID: tn.workspace.ID, ProjectID: tn.project.ID}
	f := tn.owner.subscribe(eventsFeed, vars{"id": tn.project.ID, "after": tn.mark()})
	w.record(at, "test.done", "one")
	f.next().ok()
	broken.Store(true)
	w.record(at, "test.done", "two")
	f.fails("INTERNAL")
}
