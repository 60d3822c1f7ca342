package access_test

import (
	"context"
	"testing"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

// tenant is a workspace with one row of each kind.
type tenant struct {
	workspace, project, environment, service, instance string
	deployment, build, replica, credential, operation  string
}

func newTenant(t *testing.T, db *store.DB, slug string) tenant {
	t.Helper()
	ctx := storetest.System(t)
	w := db.Workspace.Create().SetSlug(slug).SetName(slug).SaveX(ctx)
	p := db.Project.Create().SetWorkspace(w).SetSlug("shop").SetName("Shop").SaveX(ctx)
	e := db.Environment.Create().SetProject(p).SetSlug("production").SetName("Production").SetKind(spec.Production).SaveX(ctx)
	s := db.Service.Create().SetProject(p).SetSlug("web").SetName("Web").SetKind(spec.Web).SetSource(spec.Source{}).SaveX(ctx)
	i := db.ServiceInstance.Create().SetProject(p).SetService(s).SetEnvironment(e).SetSettings(spec.Settings{}).SaveX(ctx)
	d := db.Deployment.Create().SetProject(p).SetInstance(i).SetService(s).SetEnvironment(e).SetNumber(1).SetTrigger(lifecycle.Manual).
		SetSource(spec.Source{}).SetSettings(spec.Settings{}).SetVariables([]spec.VariableRef{}).SaveX(ctx)
	b := db.Build.Create().SetProject(p).SetDeployment(d).SaveX(ctx)
	r := db.Replica.Create().SetProject(p).SetInstance(i).SetDeployment(d).SetSlot(0).SetGeneration(1).SetContainerName(slug).SaveX(ctx)
	c := db.RegistryCredential.Create().SetWorkspace(w).SetHost("ghcr.io").SetUsername("u").SetPassword([]byte("x")).SaveX(ctx)
	o := db.Operation.Create().SetWorkspace(w).SetKind("service.restart").SetTargetID(i.ID).SetActorID("system").SaveX(ctx)
	return tenant{w.ID, p.ID, e.ID, s.ID, i.ID, d.ID, b.ID, r.ID, c.ID, o.ID}
}

// member makes a user with a role in a workspace; an empty role makes a
// stranger.
func member(t *testing.T, db *store.DB, name string, role principal.Role, workspaceID string) *ent.User {
	t.Helper()
	ctx := storetest.System(t)
	u := db.User.Create().SetUsername(name).SetDisplayName(name).SaveX(ctx)
	if role != "" {
		db.Membership.Create().SetWorkspaceID(workspaceID).SetUser(u).SetRole(role).ExecX(ctx)
	}
	return u
}

// as is a context in which u speaks through a token of these scopes.
func as(t *testing.T, u *ent.User, scopes ...principal.Scope) context.Context {
	t.Helper()
	return principal.With(t.Context(), principal.Principal{Kind: principal.User, UserID: u.ID, Scopes: scopes, PlatformAdmin: u.IsPlatformAdmin})
}
