package project_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/environment"
	"github.com/davitdev/davit/ent/operation"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

func TestCreate(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		about := "What we sell."
		p := must(w.Create(w.editor, project.New{WorkspaceID: w.mine, Name: "My Shop", Description: &about}))(t)
		if p.Slug != "my-shop" || *p.Description != about || p.Version != 1 || p.CreatedByID == nil {
			t.Errorf("got %+v", p)
		}
		if e := p.QueryEnvironments().OnlyX(w.sys); e.Slug != "production" || e.Kind != spec.Production || e.Concurrency != lifecycle.Supersede {
			t.Errorf("its environment is %+v", e)
		}
		if e := w.wantEvent("project.created", 1); *e.ProjectID != p.ID || e.WorkspaceID != w.mine || e.ActorID != *p.CreatedByID {
			t.Errorf("event %+v", e)
		}

		again := w.project("My Shop")
		if !strings.HasPrefix(again.Slug, "my-shop-") || len(again.Slug) != len("my-shop-")+4 {
			t.Errorf("a second one of that name has the slug %q", again.Slug)
		}
		long := w.project(strings.Repeat("a", 60))
		if longer := w.project(strings.Repeat("a", 60)); spec.CheckSlug("", longer.Slug) != nil || longer.Slug == long.Slug {
			t.Errorf("slugs %q and %q", long.Slug, longer.Slug)
		}
		if _, err := w.Create(w.stranger, project.New{WorkspaceID: w.them, Name: "My Shop", Slug: "my-shop"}); err != nil {
			t.Errorf("another workspace's slug is in the way: %v", err)
		}

		nul, tooLong := "a\x00b", strings.Repeat("x", 2001)
		for what, tt := range map[string]struct {
			in    project.New
			code  fault.Code
			field string
		}{
			"no name":                      {project.New{}, fault.NameInvalid, "name"},
			"a name of control characters": {project.New{Name: "a\nb"}, fault.NameInvalid, "name"},
			"a name nothing is kept of":    {project.New{Name: "商店"}, fault.NameInvalid, "slug"},
			"a bad slug":                   {project.New{Name: "Shop", Slug: "-"}, fault.NameInvalid, "slug"},
			"a taken slug":                 {project.New{Name: "Shop", Slug: "my-shop"}, fault.NameTaken, "slug"},
			"a description with a NUL":     {project.New{Name: "Shop", Description: &nul}, fault.Invalid, "description"},
			"a description too long":       {project.New{Name: "Shop", Description: &tooLong}, fault.Invalid, "description"},
		} {
			tt.in.WorkspaceID = w.mine
			_, err := w.Create(w.owner, tt.in)
			wantField(t, what, err, tt.code, tt.field)
		}
		_, err := w.Create(w.viewer, project.New{WorkspaceID: w.mine, Name: "Shop"})
		wantCode(t, "a viewer", err, fault.Forbidden)
		_, err = w.Create(w.stranger, project.New{WorkspaceID: w.mine, Name: "Shop"})
		wantCode(t, "a stranger", err, fault.NotFound)
	})
}

// A token that may write but not read gets what it made.
func TestATokenThatOnlyWrites(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		p, err := principal.From(w.owner)
		if err != nil {
			t.Fatal(err)
		}
		p.Scopes = []principal.Scope{principal.Write}
		if _, err := w.Create(principal.With(t.Context(), p), project.New{WorkspaceID: w.mine, Name: "Shop"}); err != nil {
			t.Error(err)
		}
	})
}

func TestCreateOnceUnderOneKey(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		ctx := principal.WithIdempotencyKey(w.owner, "key")
		in := project.New{WorkspaceID: w.mine, Name: "Shop"}
		first := must(w.Create(ctx, in))(t)
		if again := must(w.Create(ctx, in))(t); again.ID != first.ID {
			t.Errorf("a retry made %s beside %s", again.ID, first.ID)
		}
		in.Name = "Other"
		_, err := w.Create(ctx, in)
		wantCode(t, "another name", err, fault.IdempotencyKeyReused)
	})
}

func TestManyOfOneNameAtOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				if _, err := w.Create(w.owner, project.New{WorkspaceID: w.mine, Name: "Shop"}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := db.Project.Query().CountX(w.sys); n != 5 {
			t.Errorf("%d projects, want 5", n)
		}
	})
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		p, taken := w.project("Shop"), w.project("Taken")
		name, slug, about := "Store", "store", "New."
		pAbout := &about
		got := must(w.Update(w.editor, project.Change{ID: p.ID, ExpectedVersion: &p.Version, Name: &name, Slug: &slug, Description: &pAbout}))(t)
		if got.Name != name || got.Slug != slug || *got.Description != about || got.Version != 2 {
			t.Errorf("got %+v", got)
		}
		var none *string
		got = must(w.Update(w.editor, project.Change{ID: p.ID, Description: &none}))(t)
		if got.Name != name || got.Description != nil || got.Version != 3 {
			t.Errorf("clearing the description gives %+v", got)
		}
		w.wantEvent("project.updated", 2)

		bad, nul, old := "-", "a\x00b", 2
		pNul := &nul
		for what, tt := range map[string]struct {
			in    project.Change
			code  fault.Code
			field string
		}{
			"a bad name":        {project.Change{Name: &nul}, fault.NameInvalid, "name"},
			"a bad slug":        {project.Change{Slug: &bad}, fault.NameInvalid, "slug"},
			"a bad description": {project.Change{Description: &pNul}, fault.Invalid, "description"},
			"a taken slug":      {project.Change{Slug: &taken.Slug}, fault.NameTaken, "slug"},
			"an old version":    {project.Change{Name: &name, ExpectedVersion: &old}, fault.VersionConflict, "expectedVersion"},
		} {
			tt.in.ID = p.ID
			_, err := w.Update(w.owner, tt.in)
			wantField(t, what, err, tt.code, tt.field)
		}
		_, err := w.Update(w.viewer, project.Change{ID: p.ID, Name: &name})
		wantCode(t, "a viewer", err, fault.Forbidden)
		_, err = w.Update(w.stranger, project.Change{ID: p.ID, Name: &name})
		wantCode(t, "a stranger", err, fault.NotFound)
		if now := db.Project.GetX(w.sys, p.ID); now.Version != 3 {
			t.Errorf("what failed raised the version to %d", now.Version)
		}
		w.wantEvent("project.updated", 2)
	})
}

// Of two who expect the same version one loses, and nothing of the winner's is
// lost.
func TestUpdatesDoNotOverwriteEachOther(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		p := w.project("Shop")
		var wg sync.WaitGroup
		errs := make([]error, 4)
		for i := range errs {
			wg.Go(func() {
				name := strings.Repeat("x", i+1)
				_, errs[i] = w.Update(w.owner, project.Change{ID: p.ID, ExpectedVersion: &p.Version, Name: &name})
			})
		}
		wg.Wait()
		won := 0
		for i, err := range errs {
			if err == nil {
				won++
				if now := db.Project.GetX(w.sys, p.ID); len(now.Name) != i+1 || now.Version != 2 {
					t.Errorf("the %dth won, but the project is %+v", i, now)
				}
				continue
			}
			wantCode(t, "the loser", err, fault.VersionConflict)
		}
		if won != 1 {
			t.Errorf("%d of 4 won, want 1", won)
		}
	})
}

func TestDelete(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		p := w.project("Shop")
		_, err := w.Delete(w.owner, p.ID, "Shop")
		wantField(t, "another text than the slug", err, fault.ConfirmationFailed, "confirmSlug")
		_, err = w.Delete(w.editor, p.ID, p.Slug)
		wantCode(t, "an editor", err, fault.Forbidden)
		_, err = w.Delete(w.stranger, p.ID, p.Slug)
		wantCode(t, "a stranger", err, fault.NotFound)
		w.wantEvent("project.delete.requested", 0)

		op := must(w.Delete(w.owner, p.ID, p.Slug))(t)
		if op.Kind != project.OpDeleteProject || op.TargetID != p.ID || *op.ProjectID != p.ID {
			t.Errorf("got %+v", op)
		}
		if ws := op.QueryWorkspace().OnlyX(w.owner); ws.ID != w.mine {
			t.Errorf("its workspace is %s", ws.ID)
		}
		w.wantEvent("project.delete.requested", 1)
		if again := must(w.Delete(w.owner, p.ID, p.Slug))(t); again.ID != op.ID {
			t.Errorf("deleting again began %s beside %s", again.ID, op.ID)
		}
		w.wantEvent("project.delete.requested", 1)

		// Nothing else can be done to it.
		name := "x"
		_, err = w.Update(w.owner, project.Change{ID: p.ID, Name: &name})
		wantCode(t, "changing it", err, fault.Conflict)
		_, err = w.CreateService(w.owner, project.NewService{ProjectID: p.ID, Name: "Web", Kind: spec.Web, Source: image("nginx")})
		wantCode(t, "a service in it", err, fault.Conflict)
		_, err = w.CreateEnvironment(w.owner, project.NewEnvironment{ProjectID: p.ID, Name: "Staging", Kind: spec.Staging, Concurrency: lifecycle.Supersede})
		wantCode(t, "an environment in it", err, fault.Conflict)
		_, err = w.SetVariables(w.owner, project.Target{ProjectID: p.ID}, []project.Value{{Name: "A", Build: true}}, false)
		wantCode(t, "a variable of it", err, fault.Conflict)
	})
}

// A deletion that failed can be begun again.
func TestDeleteAfterAFailure(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		p := w.project("Shop")
		svc := w.service(p, "Web")
		env := p.QueryEnvironments().OnlyX(w.sys)
		for kind, del := range map[string]func() (*ent.Operation, error){
			project.OpDeleteService:     func() (*ent.Operation, error) { return w.DeleteService(w.owner, svc.ID) },
			project.OpDeleteEnvironment: func() (*ent.Operation, error) { return w.DeleteEnvironment(w.owner, env.ID) },
			project.OpDeleteProject:     func() (*ent.Operation, error) { return w.Delete(w.owner, p.ID, p.Slug) },
		} {
			op := must(del())(t)
			db.Operation.Update().Where(operation.ID(op.ID)).SetStatus(lifecycle.OperationFailed).ExecX(w.sys)
			if again := must(del())(t); again.ID == op.ID || again.Status != lifecycle.OperationQueued || again.Kind != kind {
				t.Errorf("%s: after a failure: %+v", kind, again)
			}
		}
	})
}

func TestEnvironmentsGetInstances(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		p := w.project("Shop")
		web := w.service(p, "Web")
		worker := must(w.CreateService(w.owner, project.NewService{ProjectID: p.ID, Name: "Jobs", Kind: spec.Worker, Source: image("jobs")}))(t)
		nightly := must(w.CreateService(w.owner, project.NewService{ProjectID: p.ID, Name: "Nightly", Kind: spec.Cron, Source: image("jobs")}))(t)
		gone := w.service(p, "Gone")
		must(w.DeleteService(w.owner, gone.ID))(t)
		before := w.routes()

		color := "teal"
		e := must(w.CreateEnvironment(w.editor, project.NewEnvironment{ProjectID: p.ID, Name: "Staging 2", Kind: spec.Staging, Concurrency: lifecycle.InOrder, Color: &color}))(t)
		if e.Slug != "staging-2" || e.Concurrency != lifecycle.InOrder || *e.Color != color {
			t.Errorf("got %+v", e)
		}
		instances := e.QueryInstances().WithRoutes(func(q *ent.RouteQuery) { q.WithDomain() }).AllX(w.sys)
		hosts := map[string][]string{}
		for _, i := range instances {
			hosts[i.ServiceID] = []string{}
			for _, r := range i.Edges.Routes {
				hosts[i.ServiceID] = append(hosts[i.ServiceID], r.Edges.Domain.Hostname)
			}
			if i.Status != lifecycle.NotDeployed || (i.ReplicaCount == 1) == (i.ServiceID == nightly.ID) {
				t.Errorf("got %+v", i)
			}
		}
		if len(instances) != 3 || len(hosts[web.ID]) != 1 || hosts[web.ID][0] != "web-shop-staging-2" || len(hosts[worker.ID])+len(hosts[nightly.ID]) != 0 {
			t.Errorf("%d instances with hosts %v", len(instances), hosts)
		}
		if w.routes() == before {
			t.Error("the table of routes did not change")
		}
		if ev := w.wantEvent("environment.created", 1); *ev.EnvironmentID != e.ID || *ev.ProjectID != p.ID {
			t.Errorf("event %+v", ev)
		}

		bad := "mauve"
		for what, tt := range map[string]struct {
			in    project.NewEnvironment
			code  fault.Code
			field string
		}{
			"no name":         {project.NewEnvironment{}, fault.NameInvalid, "name"},
			"a name of signs": {project.NewEnvironment{Name: "!!"}, fault.NameInvalid, "name"},
			"a taken name":    {project.NewEnvironment{Name: "staging 2"}, fault.NameTaken, "name"},
			"a bad color":     {project.NewEnvironment{Name: "x", Color: &bad}, fault.Invalid, "color"},
		} {
			tt.in.ProjectID, tt.in.Kind, tt.in.Concurrency = p.ID, spec.Staging, lifecycle.Supersede
			_, err := w.CreateEnvironment(w.owner, tt.in)
			wantField(t, what, err, tt.code, tt.field)
		}
		_, err := w.CreateEnvironment(w.viewer, project.NewEnvironment{ProjectID: p.ID, Name: "x"})
		wantCode(t, "a viewer", err, fault.Forbidden)
		_, err = w.CreateEnvironment(w.stranger, project.NewEnvironment{ProjectID: p.ID, Name: "x"})
		wantCode(t, "a stranger", err, fault.NotFound)
	})
}

// A service and an environment that are made at the same moment know of each
// other.
func TestServicesAndEnvironmentsAtOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		p := w.project("Shop")
		var wg sync.WaitGroup
		for _, name := range []string{"a", "b", "c"} {
			wg.Go(func() {
				if _, err := w.CreateService(w.owner, project.NewService{ProjectID: p.ID, Name: name, Kind: spec.Web, Source: image("nginx")}); err != nil {
					t.Error(err)
				}
			})
			wg.Go(func() {
				if _, err := w.CreateEnvironment(w.owner, project.NewEnvironment{ProjectID: p.ID, Name: name, Kind: spec.Preview, Concurrency: lifecycle.Supersede}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := db.ServiceInstance.Query().CountX(w.sys); n != 3*4 {
			t.Errorf("3 services in 4 environments have %d instances, want 12", n)
		}
	})
}

func TestUpdateEnvironment(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		p := w.project("Shop")
		e := p.QueryEnvironments().OnlyX(w.sys)
		name, order, color, bad, old := "Live", lifecycle.InOrder, "red", "mauve", 1
		got := must(w.UpdateEnvironment(w.editor, project.ChangeEnvironment{ID: e.ID, ExpectedVersion: &e.Version, Name: &name, Concurrency: &order, Color: &color}))(t)
		if got.Name != name || got.Slug != "production" || got.Concurrency != order || *got.Color != color || got.Version != 2 {
			t.Errorf("got %+v", got)
		}
		if ev := w.wantEvent("environment.updated", 1); *ev.EnvironmentID != e.ID {
			t.Errorf("event %+v", ev)
		}
		_, err := w.UpdateEnvironment(w.owner, project.ChangeEnvironment{ID: e.ID, ExpectedVersion: &old, Name: &name})
		wantField(t, "an old version", err, fault.VersionConflict, "expectedVersion")
		_, err = w.UpdateEnvironment(w.owner, project.ChangeEnvironment{ID: e.ID, Color: &bad})
		wantField(t, "a bad color", err, fault.Invalid, "color")
		_, err = w.UpdateEnvironment(w.stranger, project.ChangeEnvironment{ID: e.ID, Name: &name})
		wantCode(t, "a stranger", err, fault.NotFound)
		_, err = w.DeleteEnvironment(w.editor, e.ID)
		wantCode(t, "an editor deletes", err, fault.Forbidden)

		op := must(w.DeleteEnvironment(w.owner, e.ID))(t)
		if op.Kind != project.OpDeleteEnvironment || !db.Environment.Query().Where(environment.ID(e.ID)).OnlyX(w.sys).Deleting {
			t.Errorf("got %+v", op)
		}
		_, err = w.UpdateEnvironment(w.owner, project.ChangeEnvironment{ID: e.ID, Name: &name})
		wantCode(t, "while it is being deleted", err, fault.Conflict)
		_, err = w.CreateService(w.owner, project.NewService{ProjectID: p.ID, Name: "Web", Kind: spec.Web, Source: image("nginx"), EnvironmentIDs: []string{e.ID}})
		wantField(t, "a service in it", err, fault.NotFound, "environmentIds")
	})
}

func TestNameAvailable(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		p := w.project("Shop")
		w.service(p, "Web")
		for _, tt := range []struct {
			kind            project.NameKind
			slug, scope     string
			free, suggested bool
		}{
			{project.NameProject, "other", w.mine, true, false},
			{project.NameProject, "shop", w.mine, false, true},
			{project.NameProject, "Shop!", w.mine, false, true},
			{project.NameProject, "!!", w.mine, false, false},
			{project.NameProject, "\x00", w.mine, false, false},
			{project.NameService, "web", p.ID, false, true},
			{project.NameService, "production", p.ID, true, false},
			{project.NameEnvironment, "production", p.ID, false, true},
			{project.NameEnvironment, "web", p.ID, true, false},
		} {
			a, err := w.NameAvailable(w.viewer, tt.kind, tt.slug, tt.scope)
			if err != nil || a.Available != tt.free || (a.Reason == "") != tt.free || (a.Suggestion != "") != tt.suggested {
				t.Errorf("%s %q: %+v, %v", tt.kind, tt.slug, a, err)
			}
			if a.Suggestion != "" {
				if again, err := w.NameAvailable(w.viewer, tt.kind, a.Suggestion, tt.scope); err != nil || !again.Available {
					t.Errorf("the suggestion %q: %+v, %v", a.Suggestion, again, err)
				}
			}
		}
		for _, kind := range []project.NameKind{project.NameProject, project.NameService, project.NameEnvironment} {
			_, err := w.NameAvailable(w.stranger, kind, "shop", map[bool]string{true: w.mine, false: p.ID}[kind == project.NameProject])
			wantCode(t, "a stranger", err, fault.NotFound)
		}
		_, err := w.NameAvailable(w.owner, "COLOR", "red", p.ID)
		wantField(t, "a name of nothing", err, fault.Invalid, "kind")
	})
}
