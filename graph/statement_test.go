package graph_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/davitdev/davit/graph"
	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

// patience is how long loaders wait for more keys where statements are counted,
// so that a busy machine does not tear a level apart.
const patience = 5 * time.Millisecond

// statements runs f and returns what the database was asked meanwhile.
func (w *world) statements(f func()) []string {
	var mu sync.Mutex
	var seen []string
	w.db.Observe(func(statement string) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, statement)
	})
	f()
	w.db.Observe(nil)
	mu.Lock()
	defer mu.Unlock()
	return seen
}

// fewest is what the best of a few tries takes: a level that is torn apart by
// bad luck is whole the next time, one statement for each row is not.
func (w *world) fewest(enough int, f func()) (best []string) {
	for range 6 {
		if seen := w.statements(f); best == nil || len(seen) < len(best) {
			best = seen
		}
		if len(best) <= enough {
			break
		}
	}
	return best
}

// most counts how often the statement that is repeated most is in list.
func most(list []string) (n int, statement string) {
	counts := map[string]int{}
	for _, s := range list {
		if counts[s]++; counts[s] > n {
			n, statement = counts[s], s
		}
	}
	return n, statement
}

// prefixes are the types of objects with an id.
var prefixes = map[string]ident.Kind{
	"Workspace": ident.Workspace, "User": ident.User, "Project": ident.Project, "Environment": ident.Environment, "Service": ident.Service,
	"ServiceInstance": ident.Instance, "Deployment": ident.Deployment, "Build": ident.Build, "Replica": ident.Replica, "Route": ident.Route,
	"Variable": ident.Variable, "Event": ident.Event, "Operation": ident.Operation, "RegistryCredential": ident.RegistryCredential,
	"Artifact": ident.Artifact,
}

// Each field of each object is asked of a few objects and of many. The objects
// belong to different workspaces, so that nothing is loaded once by accident.
func TestAFieldOfManyObjectsTakesAsManyStatementsAsOfFew(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		const few, many = 2, 10
		w := newWorld(t, db)
		graph.Wait(w.resolver, patience)
		viewer := w.user("viewer")
		var tenants []*tenant
		for i := range many {
			tn := w.tenant(fmt.Sprintf("t%d", i))
			w.join(tn.workspace, viewer, principal.Editor)
			w.db.Deployment.Create().SetProject(tn.project).SetInstance(tn.instance).SetEnvironmentID(tn.environment.ID).SetServiceID(tn.service.ID).
				SetNumber(2).SetTrigger(lifecycle.Manual).SetSource(spec.Source{}).SetSettings(spec.Settings{}).SetVariables(nil).ExecX(w.system)
			tenants = append(tenants, tn)
		}
		viewer.do(`{ viewer { id } }`, nil).ok() // notes the use of the token
		s, asked := sdl(t), 0
		for _, def := range s.GetPossibleTypes(s.Types["Node"]) {
			var ids []string
			for _, tn := range tenants {
				ids = append(ids, tn.ids()[prefixes[def.Name]])
			}
			for _, f := range def.Fields {
				if strings.HasPrefix(f.Name, "__") || s.Types[f.Type.Name()].IsLeafType() && f.Arguments == nil && f.Name == "id" {
					continue
				}
				text, v := ofMany(t, s, def, f, cast{"t0", tenants[0].ids()})
				count := func(n, enough int) []string {
					v["nodes"] = ids[:n]
					return w.fewest(enough, func() {
						if got := len(viewer.do(text, v).ok().list("nodes")); got != n {
							t.Fatalf("%d objects, want %d", got, n)
						}
					})
				}
				asked++
				a := count(few, 1000)
				b := count(many, len(a))
				if n, which := most(b); len(b) > len(a)+(many-few)/2 { // row by row it would be many-few
					t.Errorf("%s.%s takes %d statements for %d objects and %d for %d; %d times: %s", def.Name, f.Name, len(a), few, len(b), many, n, which)
				}
			}
		}
		if asked < 100 {
			t.Errorf("only %d fields were asked for", asked)
		}
	})
}

// ofMany asks for a field of the objects $nodes.
func ofMany(t *testing.T, s *ast.Schema, def *ast.Definition, f *ast.FieldDefinition, c cast) (string, vars) {
	b := &builder{t: t, schema: s, pick: everywhere(c)}
	inner := b.calls(def, f)[0]
	head, rest, _ := strings.Cut(inner.text, " { ")
	_, declared, _ := strings.Cut(head, "(")
	return "query($nodes: [ID!]!, " + strings.TrimSuffix(declared, ")") + ") { nodes(ids: $nodes) { ... on " + def.Name + " { " + rest + " } }", inner.v
}

const dashboard = `query($ws: String!) { workspace(slug: $ws) { viewerRole projects(first: 9) { totalCount nodes { name viewerRole can(actions: [DEPLOY]) { allowed }
	environments(first: 5) { totalCount nodes { name } }
	services(first: 5) { totalCount nodes { name instances { status environment { name } routes { hostname url } variables { name value }
		replicas { status }
		activeDeployment { number createdBy { username } replicas { status health } build { status } }
		latestDeployment { number queuePosition rolledBackFrom { number } replicas { status } }
		deployments(first: 5) { totalCount nodes { number trigger { actor { displayName } } } }
		events(first: 3) { nodes { message subject { id } } } } } } } } } }`

// fleet gives a tenant more projects, each with services of several
// deployments that have replicas.
func (w *world) fleet(tn *tenant, mark string, projects, services int) {
	w.Helper()
	ctx, db := w.system, w.db
	for p := range projects {
		prj := db.Project.Create().SetWorkspace(tn.workspace).SetSlug(fmt.Sprintf("%s-%d", mark, p)).SetName("p").SaveX(ctx)
		env := db.Environment.Create().SetProject(prj).SetSlug("e").SetName("e").SetKind(spec.Production).SaveX(ctx)
		for s := range services {
			svc := db.Service.Create().SetProject(prj).SetSlug(fmt.Sprintf("s%d", s)).SetName("s").SetKind(spec.Web).SetSource(spec.Source{}).SaveX(ctx)
			ins := db.ServiceInstance.Create().SetProject(prj).SetService(svc).SetEnvironment(env).SetSettings(spec.Settings{}).SetLastNumber(3).SaveX(ctx)
			dom := db.Domain.Create().SetProject(prj).SetHostname(fmt.Sprintf("%s-%d-%d", mark, p, s)).SaveX(ctx)
			db.Route.Create().SetProject(prj).SetEnvironment(env).SetInstance(ins).SetDomain(dom).ExecX(ctx)
			for n := 1; n <= 3; n++ {
				status := map[int]lifecycle.Status{1: lifecycle.Completed, 2: lifecycle.Preparing, 3: lifecycle.Queued}[n]
				d := db.Deployment.Create().SetProject(prj).SetInstance(ins).SetEnvironmentID(env.ID).SetServiceID(svc.ID).SetNumber(n).SetIsActive(n == 1).
					SetTrigger(lifecycle.Manual).SetCreatedByID(tn.owner.ID).SetSource(spec.Source{}).SetSettings(spec.Settings{}).SetVariables(nil).SetStatus(status).SaveX(ctx)
				db.Replica.Create().SetProject(prj).SetInstance(ins).SetDeployment(d).SetSlot(0).SetGeneration(1).SetContainerName(d.ID).ExecX(ctx)
				check(w, db.Tx(ctx, func(tx *store.Tx) error {
					return tx.Record(ctx, store.Event{
						Scope: store.Scope{WorkspaceID: tn.workspace.ID, ProjectID: prj.ID, EnvironmentID: env.ID, ServiceID: svc.ID, InstanceID: ins.ID, DeploymentID: d.ID},
						Type:  "deployment.requested", SubjectID: d.ID, Message: "It was.",
					})
				}))
			}
		}
	}
}

func TestADashboardTakesOneStatementALevel(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		graph.Wait(w.resolver, 5*patience)
		small, large := w.tenant("small"), w.tenant("large")
		w.fleet(small, "small", 1, 2)
		w.fleet(large, "large", 8, 5)
		count := func(tn *tenant, projects, services, enough int) []string {
			tn.owner.do(`{ viewer { id } }`, nil).ok()
			return w.fewest(enough, func() {
				a := tn.owner.do(dashboard, vars{"ws": tn.workspace.Slug}).ok()
				if n := len(a.list("workspace.projects.nodes")); n != projects+1 {
					t.Fatalf("%d projects, want %d", n, projects+1)
				}
				p := slices.IndexFunc(a.list("workspace.projects.nodes"), func(p any) bool { return dig(p, "name") == "p" })
				instance := fmt.Sprintf("workspace.projects.nodes.%d.services.nodes.%d.instances.0.", p, services-1)
				if got := fmt.Sprint(a.at(instance+"latestDeployment.number"), a.at(instance+"latestDeployment.queuePosition"), a.at(instance+"activeDeployment.number"),
					a.at(instance+"deployments.totalCount"), len(a.list(instance+"events.nodes"))); got != "31133" {
					t.Errorf("the last instance of a project shows %s", got)
				}
			})
		}
		few := count(small, 1, 2, 0)
		many := count(large, 8, 5, len(few))
		// A level that goes row by row takes 8 more at least, one for each project.
		if n, which := most(many); len(many) > len(few)+7 || len(few) > 34 {
			t.Errorf("%d statements for 2 services and %d for 40; %d times: %s", len(few), len(many), n, which)
		}
		t.Logf("%d statements", len(many))
	})
}
