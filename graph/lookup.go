package graph

import (
	"context"
	"fmt"

	"github.com/vikstrous/dataloadgen"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/build"
	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/ent/event"
	"github.com/davitdev/davit/ent/membership"
	"github.com/davitdev/davit/ent/operation"
	entproject "github.com/davitdev/davit/ent/project"
	"github.com/davitdev/davit/ent/replica"
	"github.com/davitdev/davit/ent/route"
	"github.com/davitdev/davit/ent/service"
	"github.com/davitdev/davit/ent/user"
	"github.com/davitdev/davit/ent/variable"
	"github.com/davitdev/davit/ent/workspace"
	"github.com/davitdev/davit/graph/model"
	"github.com/davitdev/davit/internal/access"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/principal"
)

// maxNodes bounds the ids of one nodes query.
const maxNodes = 100

// node loads any object of the API by its id.
func (r *Resolver) node(ctx context.Context, id string) (model.Node, error) {
	kind, _ := ident.KindOf(id)
	l := load(ctx)
	switch kind {
	case ident.Workspace:
		return as(l.workspace.Load(ctx, id))
	case ident.User:
		return as(l.user.Load(ctx, id))
	case ident.Project:
		return as(l.project.Load(ctx, id))
	case ident.Environment:
		return as(l.environment.Load(ctx, id))
	case ident.Service:
		return as(l.service.Load(ctx, id))
	case ident.Instance:
		return as(l.instance.Load(ctx, id))
	case ident.Deployment:
		return as(l.deployment.Load(ctx, id))
	case ident.RegistryCredential:
		return as(l.credential.Load(ctx, id))
	case ident.Build:
		return as(r.DB.Build.Query().Where(build.ID(id)).Only(ctx))
	case ident.Replica:
		return as(r.DB.Replica.Query().Where(replica.ID(id)).Only(ctx))
	case ident.Route:
		return as(r.DB.Route.Query().Where(route.ID(id)).Only(ctx))
	case ident.Variable:
		return as(r.DB.Variable.Query().Where(variable.ID(id), variable.RemovedAtIsNil()).Only(ctx))
	case ident.Event:
		return as(r.DB.Event.Query().Where(event.ID(id)).Only(ctx))
	case ident.Operation:
		return as(r.DB.Operation.Query().Where(operation.ID(id)).Only(ctx))
	default:
		return nil, access.Missing()
	}
}

// as makes a node of a row, and ours of ent's not-found.
func as[T any](row *T, err error) (model.Node, error) {
	if ent.IsNotFound(err) {
		err = access.Missing()
	}
	if err != nil {
		return nil, err
	}
	return row, nil
}

// nodes loads objects in the order of ids, nil where there is none.
func (r *Resolver) nodes(ctx context.Context, ids []string) ([]model.Node, error) {
	if len(ids) > maxNodes {
		return nil, fault.At("ids", fault.Invalid, "Ask for at most %d objects at a time.", maxNodes)
	}
	out := make([]model.Node, len(ids))
	for i, id := range ids {
		n, err := orNil(r.node(ctx, id))
		if err != nil {
			return nil, err
		}
		out[i] = n
	}
	return out, nil
}

// orNil makes nothing of NOT_FOUND.
func orNil[T any](v T, err error) (T, error) {
	if fault.Is(err, fault.NotFound) {
		var none T
		return none, nil
	}
	return v, err
}

// optional loads the row that id names; nil without an id, and for a row that
// is gone or not to be seen.
func optional[T any](ctx context.Context, l *dataloadgen.Loader[string, *T], id *string) (*T, error) {
	if id == nil {
		return nil, nil //nolint:nilnil // null in the API
	}
	return orNil(l.Load(ctx, *id))
}

func (r *Resolver) viewer(ctx context.Context) (model.Principal, error) {
	p, err := principal.From(ctx)
	if err != nil {
		return nil, err
	}
	return actor(ctx, p.ID())
}

// actor is the principal with an id, as rows name it; nil if that is gone.
func actor(ctx context.Context, id string) (model.Principal, error) {
	if !ident.Is(id, ident.User) {
		return &model.SystemPrincipal{ID: id, DisplayName: "Davit"}, nil
	}
	u, err := orNil(load(ctx).user.Load(ctx, id))
	if u == nil {
		return nil, err
	}
	return u, err
}

func (r *Resolver) workspaceBySlug(ctx context.Context, slug string) (*ent.Workspace, error) {
	w, err := r.DB.Workspace.Query().Where(workspace.Slug(slug)).Only(ctx)
	return found(w, err)
}

func (r *Resolver) projectBySlug(ctx context.Context, ws, slug string) (*ent.Project, error) {
	p, err := r.DB.Project.Query().
		Where(entproject.Slug(slug), entproject.HasWorkspaceWith(workspace.Slug(ws))).Only(ctx)
	return found(p, err)
}

func (r *Resolver) serviceBySlug(ctx context.Context, ws, proj, slug string) (*ent.Service, error) {
	s, err := r.DB.Service.Query().Where(service.Slug(slug),
		service.HasProjectWith(entproject.Slug(proj), entproject.HasWorkspaceWith(workspace.Slug(ws)))).Only(ctx)
	return found(s, err)
}

func found[T any](row *T, err error) (*T, error) {
	if ent.IsNotFound(err) {
		return nil, access.Missing()
	}
	return row, err
}

// viewerRole is what the viewer is in a workspace, nil for no member.
func (r *Resolver) viewerRole(ctx context.Context, workspaceID string) (*principal.Role, error) {
	p, err := principal.From(ctx)
	if err != nil {
		return nil, err
	}
	m, err := r.DB.Membership.Query().Where(membership.WorkspaceID(workspaceID), membership.HasUserWith(user.ID(p.UserID))).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, nil //nolint:nilnil // null in the API
	}
	if err != nil {
		return nil, fmt.Errorf("load membership: %w", err)
	}
	return &m.Role, nil
}

// rules says what the viewer may do with something of a project.
func (r *Resolver) rules(ctx context.Context, projectID string, actions []access.Action) ([]*access.Rule, error) {
	p, err := load(ctx).project.Load(ctx, projectID)
	if err != nil {
		return nil, err
	}
	return access.Rules(ctx, r.DB, p.WorkspaceID, actions)
}

// instanceIn is the instance of a service in an environment, nil if there is
// none.
func instanceIn(ctx context.Context, s *ent.Service, environmentID string) (*ent.ServiceInstance, error) {
	all, err := load(ctx).instancesOfService.Load(ctx, s.ID)
	if err != nil {
		return nil, err
	}
	for _, i := range all {
		if i.EnvironmentID == environmentID {
			return i, nil
		}
	}
	return nil, nil //nolint:nilnil // null in the API
}

// hostname is the full host name of a route.
func (r *Resolver) hostname(ctx context.Context, rt *ent.Route) (string, error) {
	d, err := load(ctx).domain.Load(ctx, rt.DomainID)
	if err != nil {
		return "", err
	}
	return r.Site.host(d.Hostname), nil
}

// urlOf is where to open an instance, nil if it has no host name.
func (r *Resolver) urlOf(ctx context.Context, instanceID string) (*string, error) {
	routes, err := load(ctx).routesOfInstance.Load(ctx, instanceID)
	if err != nil || len(routes) == 0 {
		return nil, err
	}
	host, err := r.hostname(ctx, routes[0])
	if err != nil {
		return nil, err
	}
	url := r.Site.URL(host) + routes[0].Path
	return &url, nil
}

// queuePosition counts the deployments that are to end before d begins.
func (r *Resolver) queuePosition(ctx context.Context, d *ent.Deployment) (*int, error) {
	if d.Status != queued {
		return nil, nil //nolint:nilnil // null in the API
	}
	n, err := r.DB.Deployment.Query().Where(deployment.InstanceID(d.InstanceID), deployment.NumberLT(d.Number), waiting).Count(ctx)
	return &n, err
}
