package graph_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/apitoken"
	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/ent/membership"
	"github.com/davitdev/davit/graph"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

// stream is a subscription to a row and what can become of the row.
type stream struct {
	query string
	id    string
	field string // whose value says which state this is
	// states are all the states the row goes through, the present one first.
	states []string
	final  bool // the last state ends the stream
	enter  func(tx *store.Tx, state string) error
	remove func(tx *store.Tx) error
}

// streams are all state streams of the API, each of a row of its own.
func (w *world) streams(tn *tenant) map[string]stream {
	ctx := w.system
	d := w.deployment(tn, 7)
	op := w.db.Operation.Create().SetWorkspace(tn.workspace).SetKind("service.restart").SetTargetID(tn.instance.ID).SetActorID(tn.owner.ID).SaveX(ctx)
	return map[string]stream{
		"deploymentUpdated": {
			query: `subscription($id: ID!) { deploymentUpdated(id: $id) { status isActive project { name } replicas { status } } }`,
			id:    d.ID, field: "status", states: []string{"QUEUED", "PREPARING", "DEPLOYING", "FINALIZING", "COMPLETED"}, final: true,
			enter: func(tx *store.Tx, s string) error {
				_, err := tx.Deployment.Update().Where(deployment.ID(d.ID)).SetStatus(lifecycle.Status(s)).Save(ctx)
				return err
			},
			remove: func(tx *store.Tx) error { return tx.Deployment.DeleteOneID(d.ID).Exec(ctx) },
		},
		"serviceInstanceUpdated": {
			query: `subscription($id: ID!) { serviceInstanceUpdated(id: $id) { stateReason status latestDeployment { number } } }`,
			id:    tn.instance.ID, field: "stateReason", states: []string{"st", "b", "c", "d", "e"},
			enter: func(tx *store.Tx, s string) error {
				return tx.ServiceInstance.UpdateOneID(tn.instance.ID).SetStateReason(s).Exec(ctx)
			},
			remove: func(tx *store.Tx) error { return tx.ServiceInstance.DeleteOneID(tn.instance.ID).Exec(ctx) },
		},
		"operationUpdated": {
			query: `subscription($id: ID!) { operationUpdated(id: $id) { status target { id } } }`,
			id:    op.ID, field: "status", states: []string{"QUEUED", "RUNNING", "FAILED"}, final: true,
			enter: func(tx *store.Tx, s string) error {
				return tx.Operation.UpdateOneID(op.ID).SetStatus(lifecycle.OperationStatus(s)).Exec(ctx)
			},
			remove: func(tx *store.Tx) error { return tx.Operation.DeleteOneID(op.ID).Exec(ctx) },
		},
	}
}

// deployment makes a queued deployment of a tenant.
func (w *world) deployment(tn *tenant, number int) *ent.Deployment {
	return w.db.Deployment.Create().SetProject(tn.project).SetInstance(tn.instance).SetEnvironmentID(tn.environment.ID).SetServiceID(tn.service.ID).
		SetNumber(number).SetTrigger(lifecycle.Manual).SetSource(spec.Source{}).SetSettings(spec.Settings{}).SetVariables(nil).SaveX(w.system)
}

// change runs f in a transaction that wakes the topics.
func (w *world) change(f func(tx *store.Tx) error, topics ...string) {
	w.Helper()
	check(w, w.db.Tx(w.system, func(tx *store.Tx) error {
		tx.Wake(topics...)
		return f(tx)
	}))
}

// Each stream of the schema that follows a row is among streams.
func eachStream(t *testing.T, test func(w *world, tn *tenant, name string, s stream)) {
	t.Helper()
	tested := map[string]bool{"platformUpdated": true} // which follows no row, see platform_test.go
	for _, name := range []string{"deploymentUpdated", "serviceInstanceUpdated", "operationUpdated"} {
		tested[name] = true
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Each(t, func(t *testing.T, db *store.DB) {
				w := newWorld(t, db)
				tn := w.tenant("st")
				test(w, tn, name, w.streams(tn)[name])
			})
		})
	}
	for _, f := range sdl(t).Subscription.Fields {
		if strings.HasSuffix(f.Name, "Updated") && !tested[f.Name] {
			t.Errorf("%s is not tested", f.Name)
		}
	}
}

func TestAStreamShowsThePresentStateAndThenEachChangeOnce(t *testing.T) {
	t.Parallel()
	eachStream(t, func(w *world, tn *tenant, name string, s stream) {
		f := tn.owner.subscribe(s.query, vars{"id": s.id})
		for i, state := range s.states {
			if i > 0 {
				w.change(func(tx *store.Tx) error { return s.enter(tx, state) }, s.id)
			}
			if got := f.next().ok().text(name + "." + s.field); got != state {
				w.Errorf("message %d shows %s, want %s", i, got, state)
			}
		}
		if s.final {
			f.completes()
			late := tn.owner.subscribe(s.query, vars{"id": s.id})
			if got, want := late.next().ok().text(name+"."+s.field), s.states[len(s.states)-1]; got != want {
				w.Errorf("who comes late sees %s, want %s", got, want)
			}
			late.completes()
		}
	})
}

// The row changes as fast as it can while several watch. A state may be left
// out; none may come after a later one, and the last must come.
func TestABurstOfChangesEndsWithTheLast(t *testing.T) {
	t.Parallel()
	eachStream(t, func(w *world, tn *tenant, name string, s stream) {
		var feeds []*feed
		for range 5 {
			feeds = append(feeds, tn.owner.subscribe(s.query, vars{"id": s.id}))
		}
		for _, state := range s.states[1:] {
			w.change(func(tx *store.Tx) error { return s.enter(tx, state) }, s.id)
			for range 50 {
				w.wakes.Publish(s.id)
			}
			feeds = append(feeds, tn.owner.subscribe(s.query, vars{"id": s.id}))
		}
		for _, f := range feeds {
			at := -1
			for at < len(s.states)-1 {
				got := slices.Index(s.states, f.next().ok().text(name+"."+s.field))
				if got < at {
					w.Fatalf("%s came after %s", s.states[got], s.states[at])
				}
				at = got
			}
			if s.final {
				f.completes()
			}
		}
	})
}

func TestAStreamEndsWithItsRowOrItsPermission(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end  func(w *world, tn *tenant, s stream)
		code string
	}{
		"the row is deleted": {func(w *world, _ *tenant, s stream) { w.change(s.remove, s.id) }, "NOT_FOUND"},
		"the membership ends": {func(w *world, tn *tenant, s stream) {
			w.db.Membership.Delete().Where(membership.UserID(tn.owner.ID)).ExecX(w.system)
			w.change(func(tx *store.Tx) error { return s.enter(tx, s.states[1]) }, s.id)
		}, "NOT_FOUND"},
		"the token is revoked": {func(w *world, tn *tenant, s stream) {
			w.db.APIToken.Delete().Where(apitoken.UserID(tn.owner.ID)).ExecX(w.system)
			w.change(func(tx *store.Tx) error { return s.enter(tx, s.states[1]) }, s.id)
		}, "UNAUTHENTICATED"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachStream(t, func(w *world, tn *tenant, _ string, s stream) {
				f, g := tn.owner.subscribe(s.query, vars{"id": s.id}), tn.owner.subscribe(s.query, vars{"id": s.id})
				f.next().ok()
				g.next().ok()
				c.end(w, tn, s)
				f.fails(c.code)
				g.fails(c.code)
				if n := graph.Watched(w.resolver); n != 0 {
					t.Errorf("%d rows are still watched", n)
				}
			})
		})
	}
}

// Nobody is shown what another may see: each principal has a load of its own.
func TestWatchersOfOneRowKeepTheirOwnPermission(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		tn, stranger := w.tenant("st"), w.user("stranger")
		s := w.streams(tn)["deploymentUpdated"]
		second := &person{world: w, User: tn.owner.User, token: w.token(tn.owner.User, "READ")}
		f, g := tn.owner.subscribe(s.query, vars{"id": s.id}), second.subscribe(s.query, vars{"id": s.id})
		f.next().ok()
		g.next().ok()
		stranger.subscribe(s.query, vars{"id": s.id}).fails("NOT_FOUND")
		w.db.APIToken.Delete().Where(apitoken.UserID(tn.owner.ID), apitoken.Not(apitoken.HashEQ(hashOf(second.token)))).ExecX(w.system)
		w.change(func(tx *store.Tx) error { return s.enter(tx, "PREPARING") }, s.id)
		f.fails("UNAUTHENTICATED")
		if got := g.next().ok().text("deploymentUpdated.status"); got != "PREPARING" {
			t.Errorf("the other token's stream shows %s", got)
		}
	})
}

// 200 subscriptions on four sockets: one change is one load of the row, one of
// each level below it, and one look at permission.
func TestAChangeIsLoadedOnceHoweverManyWatch(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		const sockets, each = 4, 50
		w := newWorld(t, db)
		graph.Wait(w.resolver, patience)
		tn := w.tenant("st")
		s := w.streams(tn)["deploymentUpdated"]
		var feeds []*feed
		for range sockets {
			f := tn.owner.connect()
			for i := range each {
				f.begin(fmt.Sprint(i), s.query, vars{"id": s.id})
			}
			for range each {
				f.next().ok()
			}
			feeds = append(feeds, f)
		}
		for _, state := range s.states[1:] {
			seen := w.statements(func() {
				w.change(func(tx *store.Tx) error { return s.enter(tx, state) }, s.id)
				for _, f := range feeds {
					shown := map[string]int{}
					for len(shown) < each {
						m := f.read()
						if m.Type == "complete" {
							continue
						}
						shown[m.ID]++
						if got := parse(t, m.Payload).ok().text("deploymentUpdated.status"); got != state || shown[m.ID] > 1 {
							t.Fatalf("message %d of %s shows %s, want %s", shown[m.ID], m.ID, got, state)
						}
					}
				}
			})
			rows := 0
			for _, statement := range seen {
				if strings.HasPrefix(statement, "SELECT") && strings.Contains(statement, `FROM "deployments"`) || strings.Contains(statement, "FROM `deployments`") {
					rows++
				}
			}
			// The change itself, the token, the row with its project, the role; below it projects and replicas.
			if rows != 1 || len(seen) > 8 {
				t.Errorf("%s: %d loads of the row, %d statements:\n%s", state, rows, len(seen), strings.Join(seen, "\n"))
			}
		}
	})
}

// What is below the row is loaded for all who watch it, and counted for whoever
// asks.
func TestWhatIsBelowAStreamIsCounted(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		tn := w.tenant("st")
		s := w.streams(tn)["deploymentUpdated"]
		const counts = `subscription($id: ID!) { deploymentUpdated(id: $id) { status instance { deployments(first: 1) { totalCount } }
			project { deployments(first: 1) { totalCount } environments(first: 1) { totalCount } services(first: 1) { totalCount } } } }`
		f, g := tn.owner.subscribe(counts, vars{"id": s.id}), tn.owner.subscribe(counts, vars{"id": s.id})
		for i, state := range s.states {
			if i > 0 {
				w.change(func(tx *store.Tx) error { return s.enter(tx, state) }, s.id)
			}
			for _, feed := range []*feed{f, g} {
				a := feed.next().ok()
				for path, want := range map[string]string{
					"instance.deployments": "2", "project.deployments": "2", "project.environments": "1", "project.services": "1",
				} {
					if got := fmt.Sprint(a.at("deploymentUpdated." + path + ".totalCount")); got != want {
						t.Errorf("%s: %s of %s, want %s: %s", state, got, path, want, a.raw)
					}
				}
			}
		}
	})
}

// A socket lives longer than a token may.
func TestARevokedTokenDoesNothingOnAnOpenSocket(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		tn := w.tenant("st")
		f := tn.owner.connect()
		f.begin("1", `{ viewer { id } }`, nil)
		f.next().ok()
		f.completes()
		w.db.APIToken.Delete().Where(apitoken.UserID(tn.owner.ID)).ExecX(w.system)
		for i, op := range []string{
			`{ workspace(slug: "st-ws") { name } }`,
			`mutation { createProject(input: { workspaceId: "` + tn.workspace.ID + `", name: "x" }) { project { id } } }`,
			`subscription { deploymentUpdated(id: "` + tn.deployment.ID + `") { id } }`,
		} {
			f.begin(fmt.Sprint(i), op, nil)
			f.fails("UNAUTHENTICATED")
		}
		if n := w.db.Project.Query().CountX(w.system); n != 1 {
			t.Errorf("%d projects, want 1", n)
		}
	})
}

// What is wrong with a subscription is the client's mistake, never ours.
func TestASubscriptionIsToOneStream(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.SQLite(t))
	tn := w.tenant("st")
	for name, query := range map[string]string{
		"one stream twice":              `subscription($id: ID!) { a: deploymentUpdated(id: $id) { id } b: deploymentUpdated(id: $id) { id } }`,
		"two streams":                   `subscription($id: ID!) { deploymentUpdated(id: $id) { id } operationUpdated(id: $id) { id } }`,
		"one stream twice by fragments": `subscription($id: ID!) { ...a ...b } fragment a on Subscription { a: deploymentUpdated(id: $id) { id } } fragment b on Subscription { b: deploymentUpdated(id: $id) { id } }`,
		"none, because it is skipped":   `subscription($id: ID!, $yes: Boolean = true) { deploymentUpdated(id: $id) @skip(if: $yes) { id } }`,
		"none, because it is excluded":  `subscription($id: ID!) { deploymentUpdated(id: $id) @include(if: false) { id } }`,
		"the name of its type":          `subscription($id: ID!) { __typename deploymentUpdated(id: $id) { id } }`,
	} {
		if got := tn.owner.subscribe(query, vars{"id": tn.deployment.ID}).ends(); got != "GRAPHQL_VALIDATION_FAILED" {
			t.Errorf("%s ends with %s", name, got)
		}
	}
	f := tn.owner.subscribe(`subscription($id: ID!) { deploymentUpdated(id: $id) { id } ...a } fragment a on Subscription { deploymentUpdated(id: $id) { number } }`, vars{"id": tn.deployment.ID})
	if got := f.next().ok(); fmt.Sprint(got.at("deploymentUpdated.number")) != "1" {
		t.Errorf("one stream in two parts shows %s", got.raw)
	}
}

// An id that somebody follows is followed as another kind by nobody.
func TestARowOfAnotherKindIsNotFound(t *testing.T) {
	t.Parallel()
	eachStream(t, func(_ *world, tn *tenant, name string, s stream) {
		f := tn.owner.subscribe(s.query, vars{"id": s.id})
		f.next().ok()
		for _, other := range []string{"deploymentUpdated", "serviceInstanceUpdated", "operationUpdated"} {
			if other != name {
				tn.owner.subscribe("subscription($id: ID!) { "+other+"(id: $id) { id } }", vars{"id": s.id}).fails("NOT_FOUND")
			}
		}
	})
}
