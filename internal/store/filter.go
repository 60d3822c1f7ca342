package store

import (
	"context"
	"fmt"

	"entgo.io/ent/dialect/sql"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/apitoken"
	"github.com/davitdev/davit/ent/intercept"
	"github.com/davitdev/davit/ent/membership"
	entproject "github.com/davitdev/davit/ent/project"
	"github.com/davitdev/davit/ent/user"
	"github.com/davitdev/davit/ent/workspace"
	"github.com/davitdev/davit/internal/principal"
)

// addTenantFilter makes every read see only what the principal of its context
// may know of. It fails closed: without a principal, or for a type that the
// filter does not know, there is an error and no row.
//
// The filter decides what exists for somebody; access.Can decides what they
// may do with it.
func addTenantFilter(c *ent.Client) {
	c.Intercept(intercept.TraverseFunc(func(ctx context.Context, q intercept.Query) error {
		p, err := principal.From(ctx)
		if err != nil {
			return err
		}
		if p.Kind == principal.System || p.PlatformAdmin {
			return nil
		}
		visible, ok := filters[q.Type()]
		if !ok {
			return fmt.Errorf("store: no tenant filter for %s", q.Type())
		}
		q.WhereP(visible(p.UserID))
		return nil
	}))
}

// filters says, for each type a user may read, which rows are visible to the
// user. Rows that only Davit itself reads are missing on purpose.
var filters = map[string]func(userID string) func(*sql.Selector){
	ent.TypeWorkspace:          inWorkspaces(workspace.FieldID),
	ent.TypeMembership:         inWorkspaces(membership.FieldWorkspaceID),
	ent.TypeRegistryCredential: inWorkspaces("workspace_id"),
	ent.TypeOperation:          inWorkspaces("workspace_id"),
	ent.TypeEvent:              inWorkspaces("workspace_id"),
	ent.TypeProject:            inWorkspaces(entproject.FieldWorkspaceID),
	ent.TypeEnvironment:        inProjects,
	ent.TypeService:            inProjects,
	ent.TypeServiceInstance:    inProjects,
	ent.TypeDeployment:         inProjects,
	ent.TypeBuild:              inProjects,
	ent.TypeReplica:            inProjects,
	ent.TypeVariable:           inProjects,
	ent.TypeVariableVersion:    inProjects,
	ent.TypeFileVersion:        inProjects,
	ent.TypeDomain:             inProjects,
	ent.TypeRoute:              inProjects,
	ent.TypeArtifact:           inProjects,
	ent.TypeGitCredential:      inProjects,
	ent.TypeAPIToken:           ownTokens,
	ent.TypeUser:               colleagues,
}

// memberOf selects the workspaces a user is a member of.
func memberOf(userID string) *sql.Selector {
	m := sql.Table(membership.Table)
	return sql.Select(m.C(membership.FieldWorkspaceID)).From(m).Where(sql.EQ(m.C(membership.FieldUserID), userID))
}

func inWorkspaces(column string) func(string) func(*sql.Selector) {
	return func(userID string) func(*sql.Selector) {
		return func(s *sql.Selector) { s.Where(sql.In(s.C(column), memberOf(userID))) }
	}
}

func inProjects(userID string) func(*sql.Selector) {
	return func(s *sql.Selector) {
		p := sql.Table(entproject.Table)
		s.Where(sql.In(s.C("project_id"),
			sql.Select(p.C(entproject.FieldID)).From(p).Where(sql.In(p.C(entproject.FieldWorkspaceID), memberOf(userID)))))
	}
}

func ownTokens(userID string) func(*sql.Selector) {
	return func(s *sql.Selector) { s.Where(sql.EQ(s.C(apitoken.FieldUserID), userID)) }
}

// colleagues are the user and everybody who shares a workspace with the user.
func colleagues(userID string) func(*sql.Selector) {
	return func(s *sql.Selector) {
		m := sql.Table(membership.Table)
		s.Where(sql.Or(
			sql.EQ(s.C(user.FieldID), userID),
			sql.In(s.C(user.FieldID), sql.Select(m.C(membership.FieldUserID)).From(m).Where(sql.In(m.C(membership.FieldWorkspaceID), memberOf(userID)))),
		))
	}
}
