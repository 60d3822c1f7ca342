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
)

// Workspace loads the workspace id if the caller may do a in it.
func Workspace(ctx context.Context, c *ent.Client, a Action, id string) (*ent.Workspace, error) {
	w, err := c.Workspace.Query().Where(workspace.ID(id)).Only(ctx)
	return checked(ctx, c, a, w, err, func() string { return w.ID })
}

// Project loads the project id if the caller may do a in it.
func Project(ctx context.Context, c *ent.Client, a Action, id string) (*ent.Project, error) {
	p, err := c.Project.Query().Where(entproject.ID(id)).Only(ctx)
	return checked(ctx, c, a, p, err, func() string { return p.WorkspaceID })
}

// Environment loads the environment id and its project if the caller may do a
// in it.
func Environment(ctx context.Context, c *ent.Client, a Action, id string) (*ent.Environment, error) {
	e, err := c.Environment.Query().Where(environment.ID(id)).WithProject().Only(ctx)
	return checked(ctx, c, a, e, err, func() string { return e.Edges.Project.WorkspaceID })
}

// Service loads the service id and its project if the caller may do a with it.
func Service(ctx context.Context, c *ent.Client, a Action, id string) (*ent.Service, error) {
	s, err := c.Service.Query().Where(service.ID(id)).WithProject().Only(ctx)
	return checked(ctx, c, a, s, err, func() string { return s.Edges.Project.WorkspaceID })
}

// Instance loads the service instance id with its project, environment and
// service if the caller may do a with it.
func Instance(ctx context.Context, c *ent.Client, a Action, id string) (*ent.ServiceInstance, error) {
	i, err := c.ServiceInstance.Query().Where(serviceinstance.ID(id)).WithProject().WithEnvironment().WithService().Only(ctx)
	return checked(ctx, c, a, i, err, func() string { return i.Edges.Project.WorkspaceID })
}

// Deployment loads the deployment id with its project if the caller may do a
// with it.
func Deployment(ctx context.Context, c *ent.Client, a Action, id string) (*ent.Deployment, error) {
	d, err := c.Deployment.Query().Where(deployment.ID(id)).WithProject().Only(ctx)
	return checked(ctx, c, a, d, err, func() string { return d.Edges.Project.WorkspaceID })
}

// Build loads the build id with its project and deployment if the caller may do
// a with it.
func Build(ctx context.Context, c *ent.Client, a Action, id string) (*ent.Build, error) {
	b, err := c.Build.Query().Where(entbuild.ID(id)).WithProject().WithDeployment().Only(ctx)
	return checked(ctx, c, a, b, err, func() string { return b.Edges.Project.WorkspaceID })
}

// Replica loads the replica id with its project if the caller may do a with
// it.
func Replica(ctx context.Context, c *ent.Client, a Action, id string) (*ent.Replica, error) {
	r, err := c.Replica.Query().Where(replica.ID(id)).WithProject().Only(ctx)
	return checked(ctx, c, a, r, err, func() string { return r.Edges.Project.WorkspaceID })
}

// RegistryCredential loads the credential id if the caller may do a in its
// workspace.
func RegistryCredential(ctx context.Context, c *ent.Client, a Action, id string) (*ent.RegistryCredential, error) {
	r, err := c.RegistryCredential.Query().Where(registrycredential.ID(id)).Only(ctx)
	return checked(ctx, c, a, r, err, func() string { return r.WorkspaceID })
}

// Operation loads the operation id if the caller may do a in its workspace.
func Operation(ctx context.Context, c *ent.Client, a Action, id string) (*ent.Operation, error) {
	o, err := c.Operation.Query().Where(operation.ID(id)).Only(ctx)
	return checked(ctx, c, a, o, err, func() string { return o.WorkspaceID })
}

// checked turns ent's not-found into ours and asks Can about what was loaded.
func checked[T any](ctx context.Context, c *ent.Client, a Action, v *T, err error, workspaceID func() string) (*T, error) {
	if ent.IsNotFound(err) {
		return nil, Missing()
	}
	if err != nil {
		return nil, fmt.Errorf("load %T: %w", v, err)
	}
	if err := Can(ctx, c, a, workspaceID()); err != nil {
		return nil, err
	}
	return v, nil
}
