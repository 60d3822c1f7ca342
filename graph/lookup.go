package graph

import (
	"context"

	"github.com/vikstrous/dataloadgen"

	"github.com/davitdev/davit/ent"
	entproject "github.com/davitdev/davit/ent/project"
	"github.com/davitdev/davit/ent/service"
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
func node(ctx context.Context, id string) (model.Node, error) { return nodeLater(ctx, id)() }

// nodeLater begins to load an object and returns what waits for it, so that
// many can be loaded at once.
func nodeLater(ctx context.Context, id string) func() (model.Node, error) {
	kind, _ := ident.KindOf(id)
	l := load(ctx)
	switch kind {
	case ident.Workspace:
		return later(ctx, l.workspace, id)
	case ident.User:
		return later(ctx, l.user, id)
	case ident.Project:
		return later(ctx, l.project, id)
	case ident.Environment:
		return later(ctx, l.environment, id)
	case ident.Service:
		return later(ctx, l.service, id)
	case ident.Instance:
		return later(ctx, l.instance, id)
	case ident.Deployment:
		return later(ctx, l.deployment, id)
	case ident.RegistryCredential:
		return later(ctx, l.credential, id)
	case ident.Build:
		return later(ctx, l.build, id)
	case ident.Replica:
		return later(ctx, l.replica, id)
	case ident.Route:
		return later(ctx, l.route, id)
	case ident.Variable:
		return later(ctx, l.variable, id)
	case ident.Event:
		return later(ctx, l.event, id)
	case ident.Operation:
		return later(ctx, l.operation, id)
	case ident.Artifact:
		return later(ctx, l.artifact, id)
	default:
		return func() (model.Node, error) { return nil, access.Missing() }
	}
}

func later[T any](ctx context.Context, l *one[T], id string) func() (model.Node, error) {
	wait := l.LoadThunk(ctx, id)
	return func() (model.Node, error) {
		row, err := wait()
		if err != nil {
			return nil, err // not a nil row that is some node
		}
		return row, nil
	}
}

// readable reports, as nil or an error, whether a token may read at all. What its
// user may see is for the tenant filter.
func readable(ctx context.Context) error {
	p, err := principal.From(ctx)
	if err != nil {
		return err
	}
	role := principal.Viewer
	return access.Allowed(p, access.Read, &role)
}

// nodes loads objects in the order of ids, which differ, nil where there is
// none.
func nodes(ctx context.Context, ids []string) ([]model.Node, error) {
	if err := readable(ctx); err != nil {
		return nil, err
	}
	if len(ids) > maxNodes {
		return nil, fault.At("ids", fault.Invalid, "Ask for at most %d objects at a time.", maxNodes)
	}
	wait, seen := make([]func() (model.Node, error), len(ids)), map[string]bool{}
	for i, id := range ids {
		if seen[id] {
			return nil, fault.At("ids", fault.Invalid, "Ask for each object once: %q is there twice.", id)
		}
		seen[id] = true
		wait[i] = nodeLater(ctx, id)
	}
	out := make([]model.Node, len(ids))
	for i := range ids {
		n, err := orNil(wait[i]())
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

func viewer(ctx context.Context) (model.Principal, error) {
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
	if err := readable(ctx); err != nil {
		return nil, err
	}
	w, err := r.DB.Workspace.Query().Where(workspace.Slug(slug)).Only(ctx)
	return found(w, err)
}

func (r *Resolver) projectBySlug(ctx context.Context, ws, slug string) (*ent.Project, error) {
	if err := readable(ctx); err != nil {
		return nil, err
	}
	p, err := r.DB.Project.Query().
		Where(entproject.Slug(slug), entproject.HasWorkspaceWith(workspace.Slug(ws))).Only(ctx)
	return found(p, err)
}

func (r *Resolver) serviceBySlug(ctx context.Context, ws, proj, slug string) (*ent.Service, error) {
	if err := readable(ctx); err != nil {
		return nil, err
	}
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
func viewerRole(ctx context.Context, workspaceID string) (*principal.Role, error) {
	m, err := orNil(load(ctx).role.Load(ctx, workspaceID))
	if m == nil || err != nil {
		return nil, err
	}
	return &m.Role, nil
}

// rules says what the viewer may do in a workspace.
func rules(ctx context.Context, workspaceID string, actions []access.Action) ([]*access.Rule, error) {
	p, err := principal.From(ctx)
	if err != nil {
		return nil, err
	}
	role, err := viewerRole(ctx, workspaceID)
	if err != nil {
		return nil, err
	}
	return access.Rules(p, role, actions), nil
}

// rulesIn says what the viewer may do with something of a project.
func rulesIn(ctx context.Context, projectID string, actions []access.Action) ([]*access.Rule, error) {
	p, err := load(ctx).project.Load(ctx, projectID)
	if err != nil {
		return nil, err
	}
	return rules(ctx, p.WorkspaceID, actions)
}

// may reports, as nil or an error, whether the viewer may do a with something
// of a project.
func may(ctx context.Context, a access.Action, projectID string) error {
	p, err := principal.From(ctx)
	if err != nil {
		return err
	}
	of, err := load(ctx).project.Load(ctx, projectID)
	if err != nil {
		return err
	}
	role, err := viewerRole(ctx, of.WorkspaceID)
	if err != nil {
		return err
	}
	return access.Allowed(p, a, role)
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
