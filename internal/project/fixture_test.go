package project_test

import (
	"context"
	"testing"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/event"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/secret"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

// world is an installation with two tenants.
type world struct {
	*project.Service
	t          *testing.T
	sys        context.Context //nolint:containedctx // of one test
	mine, them string          // workspaces
	// Of the first workspace: its owner, an editor, a viewer; and the owner of
	// the second.
	owner, editor, viewer, stranger context.Context
}

func newWorld(t *testing.T, db *store.DB) *world {
	t.Helper()
	keys, err := secret.New(make([]byte, secret.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{Service: &project.Service{DB: db, Keys: keys}, t: t, sys: storetest.System(t)}
	db.Installation.Create().SetSingleton(1).SetKeyCheck("k").ExecX(w.sys)
	w.mine = db.Workspace.Create().SetSlug("mine").SetName("Mine").SaveX(w.sys).ID
	w.them = db.Workspace.Create().SetSlug("them").SetName("Them").SaveX(w.sys).ID
	w.owner, w.editor = w.member("owner", principal.Owner, w.mine), w.member("editor", principal.Editor, w.mine)
	w.viewer, w.stranger = w.member("viewer", principal.Viewer, w.mine), w.member("stranger", principal.Owner, w.them)
	return w
}

func (w *world) member(name string, role principal.Role, workspaceID string) context.Context {
	w.t.Helper()
	u := w.DB.User.Create().SetUsername(name).SetDisplayName(name).SaveX(w.sys)
	w.DB.Membership.Create().SetWorkspaceID(workspaceID).SetUser(u).SetRole(role).ExecX(w.sys)
	return principal.With(w.t.Context(), principal.Principal{Kind: principal.User, UserID: u.ID, Scopes: []principal.Scope{principal.Admin}})
}

// project makes one of the owner's.
func (w *world) project(name string) *ent.Project {
	w.t.Helper()
	return must(w.Create(w.owner, project.New{WorkspaceID: w.mine, Name: name}))(w.t)
}

// service makes a web service of an image in each environment of p.
func (w *world) service(p *ent.Project, name string) *ent.Service {
	w.t.Helper()
	return must(w.CreateService(w.owner, project.NewService{ProjectID: p.ID, Name: name, Kind: spec.Web, Source: image("nginx")}))(w.t)
}

// instance is the only one of a service.
func (w *world) instance(svc *ent.Service) *ent.ServiceInstance {
	w.t.Helper()
	return svc.QueryInstances().WithRoutes(func(q *ent.RouteQuery) { q.WithDomain() }).OnlyX(w.sys)
}

func image(ref string) spec.Source { return spec.Source{Image: &spec.ImageSource{Image: ref}} }

// wantEvent fails unless exactly n events of a type were recorded, and returns
// the newest.
func (w *world) wantEvent(kind string, n int) *ent.Event {
	w.t.Helper()
	all := w.DB.Event.Query().Where(event.Type(kind)).Order(event.BySeq()).AllX(w.sys)
	if len(all) != n {
		w.t.Fatalf("%d events %s, want %d", len(all), kind, n)
	}
	if n == 0 {
		return nil
	}
	return all[n-1]
}

// routes is the version of the table of routes.
func (w *world) routes() int64 { return w.DB.Installation.Query().OnlyX(w.sys).RouteVersion }

// must turns a result and an error into a result.
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// wantCode fails unless err has the code.
func wantCode(t *testing.T, what string, err error, code fault.Code) {
	t.Helper()
	if !fault.Is(err, code) {
		t.Errorf("%s: %v, want %s", what, err, code)
	}
}

// wantField fails unless err has the code and is about the input field.
func wantField(t *testing.T, what string, err error, code fault.Code, field string) {
	t.Helper()
	f, ok := err.(*fault.Error) //nolint:errorlint // these are never wrapped
	if !ok || f.Code != code || f.Field != field {
		t.Errorf("%s: %#v, want %s at %s", what, err, code, field)
	}
}

// newWorld2 is the same database with another secret key.
func newWorld2(t *testing.T, w *world) *world {
	t.Helper()
	key := make([]byte, secret.KeySize)
	key[0] = 1
	keys, err := secret.New(key)
	if err != nil {
		t.Fatal(err)
	}
	other := *w
	other.Service = &project.Service{DB: w.DB, Keys: keys}
	return &other
}
