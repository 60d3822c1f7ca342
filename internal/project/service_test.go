package project_test

import (
	"context"
	"strings"
	"testing"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/idempotencykey"
	"github.com/davitdev/davit/ent/serviceinstance"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

func TestCreateService(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		p := w.project("Shop")
		staging := must(w.CreateEnvironment(w.owner, project.NewEnvironment{ProjectID: p.ID, Name: "Staging", Kind: spec.Staging, Concurrency: lifecycle.Supersede}))(t)
		before := w.routes()
		svc := must(w.CreateService(w.editor, project.NewService{
			ProjectID: p.ID, Name: "Web App", Kind: spec.Web, Source: image("nginx:1"), Settings: spec.Settings{Port: 3000}, Replicas: 3,
			Variables: []project.Value{{Name: "A", Value: "1", Build: true, Runtime: true}},
		}))(t)
		if svc.Slug != "web-app" || svc.Source.Image.Image != "nginx:1" || svc.Version != 1 {
			t.Errorf("got %+v", svc)
		}
		for _, i := range svc.QueryInstances().WithVariables().WithEnvironment().WithRoutes(func(q *ent.RouteQuery) { q.WithDomain() }).AllX(w.sys) {
			host := map[string]string{"production": "web-app-shop", "staging": "web-app-shop-staging"}[i.Edges.Environment.Slug]
			if i.Settings.Port != 3000 || i.ReplicaCount != 3 || len(i.Edges.Variables) != 1 || len(i.Edges.Routes) != 1 || i.Edges.Routes[0].Edges.Domain.Hostname != host {
				t.Errorf("in %s: %+v with %+v", i.Edges.Environment.Slug, i, i.Edges)
			}
		}
		if w.routes() != before+1 {
			t.Errorf("the table of routes went from %d to %d", before, w.routes())
		}
		if e := w.wantEvent("service.created", 1); *e.ServiceID != svc.ID || *e.ProjectID != p.ID {
			t.Errorf("event %+v", e)
		}

		only := must(w.CreateService(w.owner, project.NewService{ProjectID: p.ID, Name: "Web App", Kind: spec.Web, Source: image("x"), EnvironmentIDs: []string{staging.ID}}))(t)
		if i := w.instance(only); i.EnvironmentID != staging.ID || only.Slug == svc.Slug {
			t.Errorf("%q has an instance in %s", only.Slug, i.EnvironmentID)
		}
	})
}

func TestCreateServiceRefuses(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		p := w.project("Shop")
		w.service(p, "Web")
		foreign := must(w.Create(w.stranger, project.New{WorkspaceID: w.them, Name: "Theirs"}))(t).QueryEnvironments().OnlyX(w.sys)
		theirs := must(w.PutRegistryCredential(w.stranger, w.them, "ghcr.io", "u", "p"))(t)
		mine := must(w.PutRegistryCredential(w.owner, w.mine, "ghcr.io", "u", "p"))(t)
		env := p.QueryEnvironments().OnlyX(w.sys)
		for what, tt := range map[string]struct {
			change func(*project.NewService)
			code   fault.Code
			field  string
		}{
			"a bad name":                     {func(n *project.NewService) { n.Name = " " }, fault.NameInvalid, "name"},
			"a bad slug":                     {func(n *project.NewService) { n.Slug = "A" }, fault.NameInvalid, "slug"},
			"a taken slug":                   {func(n *project.NewService) { n.Slug = "web" }, fault.NameTaken, "slug"},
			"bad settings":                   {func(n *project.NewService) { n.Settings.Port = -1 }, fault.Invalid, "settings.port"},
			"too many replicas":              {func(n *project.NewService) { n.Replicas = 51 }, fault.Invalid, "settings.replicas"},
			"less than no replicas":          {func(n *project.NewService) { n.Replicas = -1 }, fault.Invalid, "settings.replicas"},
			"a bad variable":                 {func(n *project.NewService) { n.Variables = []project.Value{{Name: "PORT"}} }, fault.NameInvalid, "variables.0.name"},
			"too many variables":             {func(n *project.NewService) { n.Variables = many(501) }, fault.Invalid, "variables"},
			"no image":                       {func(n *project.NewService) { n.Source = image("") }, fault.Invalid, "source.image.image"},
			"an image and an upload":         {func(n *project.NewService) { n.Source.Upload = &spec.UploadSource{} }, fault.Invalid, "source"},
			"somebody else's credential":     {func(n *project.NewService) { n.Source.Image.CredentialID = theirs.ID }, fault.NotFound, ""},
			"a credential that is not there": {func(n *project.NewService) { n.Source.Image.CredentialID = ident.New(ident.RegistryCredential) }, fault.NotFound, ""},
			"a credential of another host":   {func(n *project.NewService) { n.Source.Image.CredentialID = mine.ID }, fault.Invalid, "source.image.credentialId"},
			"somebody else's environment":    {func(n *project.NewService) { n.EnvironmentIDs = []string{env.ID, foreign.ID} }, fault.NotFound, "environmentIds"},
			"an environment twice":           {func(n *project.NewService) { n.EnvironmentIDs = []string{env.ID, env.ID} }, fault.NotFound, "environmentIds"},
			"an id that cannot be":           {func(n *project.NewService) { n.EnvironmentIDs = []string{"\x00"} }, fault.NotFound, "environmentIds"},
			"no environment":                 {func(n *project.NewService) { n.EnvironmentIDs = []string{} }, fault.NotFound, "environmentIds"},
		} {
			in := project.NewService{ProjectID: p.ID, Name: "Other", Kind: spec.Web, Source: image("nginx")}
			tt.change(&in)
			_, err := w.CreateService(w.owner, in)
			wantField(t, what, err, tt.code, tt.field)
		}
		in := project.NewService{ProjectID: p.ID, Name: "Other", Kind: spec.Web, Source: image("nginx")}
		_, err := w.CreateService(w.viewer, in)
		wantCode(t, "a viewer", err, fault.Forbidden)
		_, err = w.CreateService(w.stranger, in)
		wantCode(t, "a stranger", err, fault.NotFound)
		if n := db.Service.Query().CountX(w.sys); n != 1 {
			t.Errorf("%d services, want the first only", n)
		}
	})
}

// Host names are unique on the installation and fit into a label, whoever has
// what they would be.
func TestHostLabels(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		mine := w.project("Shop")
		theirs := must(w.Create(w.stranger, project.New{WorkspaceID: w.them, Name: "Shop"}))(t)
		a := w.instance(w.service(mine, "Web"))
		b := w.instance(must(w.CreateService(w.stranger, project.NewService{ProjectID: theirs.ID, Name: "Web", Kind: spec.Web, Source: image("nginx")}))(t))
		hostA, hostB := a.Edges.Routes[0].Edges.Domain.Hostname, b.Edges.Routes[0].Edges.Domain.Hostname
		if hostA != "web-shop" || !strings.HasPrefix(hostB, "web-shop-") || len(hostB) != len("web-shop-")+4 {
			t.Errorf("two tenants have %q and %q", hostA, hostB)
		}

		long := strings.Repeat("a", 40)
		p := must(w.Create(w.owner, project.New{WorkspaceID: w.mine, Name: "P", Slug: long}))(t)
		must(w.CreateEnvironment(w.owner, project.NewEnvironment{ProjectID: p.ID, Name: long, Kind: spec.Preview, Concurrency: lifecycle.Supersede}))(t)
		svc := must(w.CreateService(w.owner, project.NewService{ProjectID: p.ID, Name: "S", Slug: long, Kind: spec.Web, Source: image("x")}))(t)
		seen := map[string]bool{}
		for _, d := range p.QueryDomains().AllX(w.sys) {
			if len(d.Hostname) > 63 || len(d.Hostname) < 60 || seen[d.Hostname] || strings.HasSuffix(d.Hostname, "-") {
				t.Errorf("host name %q of %d", d.Hostname, len(d.Hostname))
			}
			seen[d.Hostname] = true
		}
		if len(seen) != 2 {
			t.Errorf("%s has %d host names, want 2", svc.Slug, len(seen))
		}

		// Renaming a project changes no host name.
		slug := "renamed"
		must(w.Update(w.owner, project.Change{ID: mine.ID, Slug: &slug}))(t)
		if now := mine.QueryDomains().OnlyX(w.sys).Hostname; now != hostA {
			t.Errorf("after a rename the host name is %q", now)
		}
	})
}

func TestCreateServiceOnceUnderOneKey(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		p := w.project("Shop")
		ctx := principal.WithIdempotencyKey(w.owner, "key")
		in := project.NewService{
			ProjectID: p.ID, Name: "Web", Kind: spec.Web, Source: image("nginx"),
			Variables: []project.Value{{Name: "PIN", Value: "1234", Secret: true, Runtime: true}},
		}
		first := must(w.CreateService(ctx, in))(t)
		if again := must(w.CreateService(ctx, in))(t); again.ID != first.ID {
			t.Errorf("a retry made %s beside %s", again.ID, first.ID)
		}
		if in.Variables[0].Value != "1234" {
			t.Error("CreateService changed its input")
		}
		hash := db.IdempotencyKey.Query().OnlyX(w.sys).RequestHash
		in.Variables[0].Value = "1235"
		_, err := w.CreateService(ctx, in)
		wantCode(t, "another value", err, fault.IdempotencyKeyReused)

		// Who reads the database cannot try values until the hash fits.
		other := newWorld2(t, w)
		in.Variables[0].Value = "1234"
		must(other.CreateService(principal.WithIdempotencyKey(w.owner, "other"), in))(t)
		if n := db.IdempotencyKey.Query().Where(idempotencykey.RequestHash(hash)).CountX(w.sys); n != 1 {
			t.Error("the hash of a request with a secret does not depend on the key of the installation")
		}
	})
}

func TestAServiceIsChangedOnceUnderOneKey(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		svc := w.service(w.project("Shop"), "Web")
		i := w.instance(svc)
		service, settings := principal.WithIdempotencyKey(w.editor, "service"), principal.WithIdempotencyKey(w.editor, "settings")
		name, other := "Site", "Front"
		change := project.ChangeService{ID: svc.ID, ExpectedVersion: &svc.Version, Name: &name}
		port := func(ctx context.Context, n int) (*ent.ServiceInstance, error) {
			return w.UpdateInstance(ctx, project.ChangeInstance{ID: i.ID, ExpectedVersion: &i.Version, Asked: n, Apply: func(s spec.Settings) spec.Settings {
				s.Port = n
				return s
			}})
		}
		for range 2 {
			if got := must(w.UpdateService(service, change))(t); got.Version != svc.Version+1 {
				t.Errorf("the service has version %d", got.Version)
			}
			if got := must(port(settings, 8080))(t); got.Version != i.Version+1 || got.Settings.Port != 8080 {
				t.Errorf("the instance has version %d, port %d", got.Version, got.Settings.Port)
			}
		}
		change.Name = &other
		_, err := w.UpdateService(service, change)
		wantCode(t, "another name under its key", err, fault.IdempotencyKeyReused)
		_, err = port(settings, 9090)
		wantCode(t, "another port under its key", err, fault.IdempotencyKeyReused)
		_, err = port(w.editor, 9090)
		wantCode(t, "an old version without a key", err, fault.VersionConflict)
	})
}

func TestUpdateService(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		svc := w.service(w.project("Shop"), "Web")
		name, src, bad, old := "Site", image("nginx:2"), image("--flag"), 1
		got := must(w.UpdateService(w.editor, project.ChangeService{ID: svc.ID, ExpectedVersion: &svc.Version, Name: &name, Source: &src}))(t)
		if got.Name != name || got.Slug != "web" || got.Source.Image.Image != "nginx:2" || got.Version != 2 {
			t.Errorf("got %+v", got)
		}
		w.wantEvent("service.updated", 1)
		_, err := w.UpdateService(w.owner, project.ChangeService{ID: svc.ID, ExpectedVersion: &old, Name: &name})
		wantField(t, "an old version", err, fault.VersionConflict, "expectedVersion")
		_, err = w.UpdateService(w.owner, project.ChangeService{ID: svc.ID, Source: &bad})
		wantField(t, "a bad image", err, fault.Invalid, "source.image.image")
		empty := ""
		_, err = w.UpdateService(w.owner, project.ChangeService{ID: svc.ID, Name: &empty})
		wantField(t, "no name", err, fault.NameInvalid, "name")
		_, err = w.UpdateService(w.viewer, project.ChangeService{ID: svc.ID, Name: &name})
		wantCode(t, "a viewer", err, fault.Forbidden)
		_, err = w.DeleteService(w.stranger, svc.ID)
		wantCode(t, "a stranger deletes", err, fault.NotFound)
		op := must(w.DeleteService(w.owner, svc.ID))(t)
		if op.Kind != project.OpDeleteService || op.TargetID != svc.ID {
			t.Errorf("got %+v", op)
		}
		_, err = w.UpdateService(w.owner, project.ChangeService{ID: svc.ID, Name: &name})
		wantCode(t, "while it is being deleted", err, fault.Conflict)
	})
}

func TestUpdateInstance(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		i := w.instance(w.service(w.project("Shop"), "Web"))
		port := func(n int) func(spec.Settings) spec.Settings {
			return func(s spec.Settings) spec.Settings { s.Port = n; return s }
		}
		got := must(w.UpdateInstance(w.editor, project.ChangeInstance{ID: i.ID, ExpectedVersion: &i.Version, Apply: port(3000)}))(t)
		if got.Settings.Port != 3000 || got.Version != 2 {
			t.Errorf("got %+v", got)
		}
		if e := w.wantEvent("service.settings_changed", 1); *e.InstanceID != i.ID || *e.EnvironmentID != i.EnvironmentID || *e.ServiceID != i.ServiceID {
			t.Errorf("event %+v", e)
		}
		_, err := w.UpdateInstance(w.owner, project.ChangeInstance{ID: i.ID, ExpectedVersion: &i.Version, Apply: port(1)})
		wantField(t, "an old version", err, fault.VersionConflict, "expectedVersion")
		_, err = w.UpdateInstance(w.owner, project.ChangeInstance{ID: i.ID, Apply: port(-1)})
		wantField(t, "bad settings", err, fault.Invalid, "settings.port")
		_, err = w.UpdateInstance(w.viewer, project.ChangeInstance{ID: i.ID, Apply: port(1)})
		wantCode(t, "a viewer", err, fault.Forbidden)
		must(w.DeleteService(w.owner, i.ServiceID))(t)
		_, err = w.UpdateInstance(w.owner, project.ChangeInstance{ID: i.ID, Apply: port(1)})
		wantCode(t, "while its service is being deleted", err, fault.Conflict)
	})
}

// What somebody else changes between the reading and the lock is no conflict for
// one who named no version: each change is made to what is.
func TestSettingsAreChangedBesideOtherChanges(t *testing.T) {
	t.Parallel()
	for what, other := range map[string]func(*world, *ent.ServiceInstance){
		"settings": func(w *world, i *ent.ServiceInstance) {
			must(w.UpdateInstance(w.editor, project.ChangeInstance{ID: i.ID, Apply: func(s spec.Settings) spec.Settings {
				s.Port = 4000
				return s
			}}))(w.t)
		},
		"its number of replicas": func(w *world, i *ent.ServiceInstance) {
			w.DB.ServiceInstance.Update().Where(serviceinstance.ID(i.ID)).SetReplicaCount(3).AddVersion(1).ExecX(w.sys)
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			storetest.Each(t, func(t *testing.T, db *store.DB) {
				w := newWorld(t, db)
				i := w.instance(w.service(w.project("Shop"), "Web"))
				changed := true // not yet armed
				db.ServiceInstance.Intercept(ent.InterceptFunc(func(next ent.Querier) ent.Querier {
					return ent.QuerierFunc(func(ctx context.Context, q ent.Query) (ent.Value, error) {
						rows, err := next.Query(ctx, q)
						if !changed { // it was just read
							changed = true
							other(w, i)
						}
						return rows, err
					})
				}))
				start := func(expected *int) (*ent.ServiceInstance, error) {
					changed = false
					return w.UpdateInstance(w.owner, project.ChangeInstance{ID: i.ID, ExpectedVersion: expected, Apply: func(s spec.Settings) spec.Settings {
						s.StartCommand = "serve"
						return s
					}})
				}
				_, err := start(&i.Version)
				wantField(t, "one who named the version before", err, fault.VersionConflict, "expectedVersion")
				got := must(start(nil))(t)
				if got.Settings.StartCommand != "serve" || got.Version != i.Version+3 {
					t.Errorf("got version %d with %+v", got.Version, got.Settings)
				}
				if got.Settings.Port != 4000 && got.ReplicaCount != 3 {
					t.Errorf("the other change is lost: %d replicas, %+v", got.ReplicaCount, got.Settings)
				}
			})
		})
	}
}

// Who changes a service that is being deleted since it was read hears that, not
// of a version they did not name.
func TestAServiceThatIsDeletedMeanwhileIsNotChanged(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		svc, deleted := w.service(w.project("Shop"), "Web"), false
		db.Service.Intercept(ent.InterceptFunc(func(next ent.Querier) ent.Querier {
			return ent.QuerierFunc(func(ctx context.Context, q ent.Query) (ent.Value, error) {
				rows, err := next.Query(ctx, q)
				if !deleted { // it was just read
					deleted = true
					must(w.DeleteService(w.owner, svc.ID))(t) //nolint:contextcheck // somebody else's
				}
				return rows, err
			})
		}))
		name := "Site"
		_, err := w.UpdateService(w.editor, project.ChangeService{ID: svc.ID, Name: &name})
		wantCode(t, "a new name", err, fault.Conflict)
	})
}
