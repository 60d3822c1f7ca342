package access

import (
	"context"
	"fmt"

	"github.com/davitdev/davit/ent"
	entbuild "github.com/davitdev/davit/ent/build"
	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/ent/environment"
	"github.com/davitdev/davit/ent/operation"
	entproject "github.com/davitdev/davit/ent/project"
	"github.com/davitdev/davit/ent/registrycredential"
	"github.com/davitdev/davit/ent/replica"
	"github.com/davitdev/davit/ent/service"
	"github.com/davitdev/davit/ent/serviceinstance"
	"github.com/davitdev/davit/ent/workspace"
	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/principal"
)

// Workspace loads the workspace id if the caller may do a in it.
func Workspace(ctx context.Context, c *ent.Client, a Action, id string) (*ent.Workspace, error) {
	return load(ctx, c, a, ident.Workspace, id,
		c.Workspace.Query().Where(workspace.ID(id)).Only,
		func(v *ent.Workspace) string { return v.ID })
}

// Project loads the project id if the caller may do a in it.
func Project(ctx context.Context, c *ent.Client, a Action, id string) (*ent.Project, error) {
	return load(ctx, c, a, ident.Project, id,
		c.Project.Query().Where(entproject.ID(id)).Only,
		func(v *ent.Project) string { return v.WorkspaceID })
}

// Environment loads the environment id and its project if the caller may do a
// in it.
func Environment(ctx context.Context, c *ent.Client, a Action, id string) (*ent.Environment, error) {
	return load(ctx, c, a, ident.Environment, id,
		c.Environment.Query().Where(environment.ID(id)).WithProject().Only,
		func(v *ent.Environment) string { return owner(v.Edges.Project) })
}

// Service loads the service id and its project if the caller may do a with it.
func Service(ctx context.Context, c *ent.Client, a Action, id string) (*ent.Service, error) {
	return load(ctx, c, a, ident.Service, id,
		c.Service.Query().Where(service.ID(id)).WithProject().Only,
		func(v *ent.Service) string { return owner(v.Edges.Project) })
}

// Instance loads the service instance id with its project, environment and
// service if the caller may do a with it.
func Instance(ctx context.Context, c *ent.Client, a Action, id string) (*ent.ServiceInstance, error) {
	return load(ctx, c, a, ident.Instance, id,
		c.ServiceInstance.Query().Where(serviceinstance.ID(id)).WithProject().WithEnvironment().WithService().Only,
		func(v *ent.ServiceInstance) string {
			if v.Edges.Environment == nil || v.Edges.Service == nil {
				return ""
			}
			return owner(v.Edges.Project)
		})
}

// Deployment loads the deployment id with its project if the caller may do a
// with it.
func Deployment(ctx context.Context, c *ent.Client, a Action, id string) (*ent.Deployment, error) {
	return load(ctx, c, a, ident.Deployment, id,
		c.Deployment.Query().Where(deployment.ID(id)).WithProject().Only,
		func(v *ent.Deployment) string { return owner(v.Edges.Project) })
}

// Build loads the build id with its project and deployment if the caller may do
// a with it.
func Build(ctx context.Context, c *ent.Client, a Action, id string) (*ent.Build, error) {
	return load(ctx, c, a, ident.Build, id,
		c.Build.Query().Where(entbuild.ID(id)).WithProject().WithDeployment().Only,
		func(v *ent.Build) string {
			if v.Edges.Deployment == nil {
				return ""
			}
			return owner(v.Edges.Project)
		})
}

// Replica loads the replica id with its project if the caller may do a with
// it.
func Replica(ctx context.Context, c *ent.Client, a Action, id string) (*ent.Replica, error) {
	return load(ctx, c, a, ident.Replica, id,
		c.Replica.Query().Where(replica.ID(id)).WithProject().Only,
		func(v *ent.Replica) string { return owner(v.Edges.Project) })
}

// RegistryCredential loads the credential id if the caller may do a in its
// workspace.
func RegistryCredential(ctx context.Context, c *ent.Client, a Action, id string) (*ent.RegistryCredential, error) {
	return load(ctx, c, a, ident.RegistryCredential, id,
		c.RegistryCredential.Query().Where(registrycredential.ID(id)).Only,
		func(v *ent.RegistryCredential) string { return v.WorkspaceID })
}

// Operation loads the operation id if the caller may do a in its workspace.
func Operation(ctx context.Context, c *ent.Client, a Action, id string) (*ent.Operation, error) {
	return load(ctx, c, a, ident.Operation, id,
		c.Operation.Query().Where(operation.ID(id)).Only,
		func(v *ent.Operation) string { return v.WorkspaceID })
}

// load gets the row id of a kind and asks Can about it. What ident could not
// have made names no row; a database may refuse to be asked for it. What comes
// without the rows it belongs to is just being deleted.
func load[T any](ctx context.Context, c *ent.Client, a Action, kind ident.Kind, id string, get func(context.Context) (*T, error), workspaceID func(*T) string) (*T, error) {
	if _, err := principal.From(ctx); err != nil {
		return nil, err
	}
	if !ident.Is(id, kind) {
		return nil, Missing()
	}
	v, err := get(ctx)
	if ent.IsNotFound(err) {
		return nil, Missing()
	}
	if err != nil {
		return nil, fmt.Errorf("load %T: %w", v, err)
	}
	in := workspaceID(v)
	if in == "" {
		return nil, Missing()
	}
	if err := Can(ctx, c, a, in); err != nil {
		return nil, err
	}
	return v, nil
}

// owner is the workspace of a project, "" without one.
func owner(p *ent.Project) string {
	if p == nil {
		return ""
	}
	return p.WorkspaceID
}
