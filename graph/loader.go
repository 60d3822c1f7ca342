package graph

import (
	"context"

	"github.com/vikstrous/dataloadgen"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/artifact"
	"github.com/davitdev/davit/ent/build"
	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/ent/domain"
	"github.com/davitdev/davit/ent/environment"
	"github.com/davitdev/davit/ent/event"
	"github.com/davitdev/davit/ent/gitcredential"
	"github.com/davitdev/davit/ent/membership"
	"github.com/davitdev/davit/ent/operation"
	entproject "github.com/davitdev/davit/ent/project"
	"github.com/davitdev/davit/ent/registrycredential"
	"github.com/davitdev/davit/ent/replica"
	"github.com/davitdev/davit/ent/route"
	"github.com/davitdev/davit/ent/service"
	"github.com/davitdev/davit/ent/serviceinstance"
	"github.com/davitdev/davit/ent/user"
	"github.com/davitdev/davit/ent/variable"
	"github.com/davitdev/davit/ent/workspace"
	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/principal"
)

// one loads single rows by key, many loads lists of rows by key.
type (
	one[T any]  = dataloadgen.Loader[string, *T]
	many[T any] = dataloadgen.Loader[string, []*T]
)

// loaders answer the resolvers of one level with one query. They live for one
// response, so that nothing is older than the response.
type loaders struct {
	workspace   *one[ent.Workspace]
	project     *one[ent.Project]
	environment *one[ent.Environment]
	service     *one[ent.Service]
	instance    *one[ent.ServiceInstance]
	deployment  *one[ent.Deployment]
	user        *one[ent.User]
	domain      *one[ent.Domain]
	credential  *one[ent.RegistryCredential]
	gitAccess   *one[ent.GitCredential] // by service
	version     *one[ent.VariableVersion]
	replica     *one[ent.Replica]
	route       *one[ent.Route]
	variable    *one[ent.Variable]
	event       *one[ent.Event]
	operation   *one[ent.Operation]
	artifact    *one[ent.Artifact]
	build       *one[ent.Build]
	made        *one[ent.Build]      // by deployment
	active      *one[ent.Deployment] // by instance
	latest      *one[ent.Deployment] // by instance

	instancesOfService     *many[ent.ServiceInstance]
	instancesOfEnvironment *many[ent.ServiceInstance]
	replicasOfInstance     *many[ent.Replica]
	replicasOfDeployment   *many[ent.Replica]
	routesOfInstance       *many[ent.Route]
	routesOfEnvironment    *many[ent.Route]
	variables              *many[ent.Variable]           // by target
	credentials            *many[ent.RegistryCredential] // by workspace

	role  *one[ent.Membership] // the viewer's, by workspace
	ahead *dataloadgen.Loader[turn, int]
	runs  *dataloadgen.Loader[someRuns, []*ent.Operation]
	pages pages
}

func newLoaders(db *ent.Client, b batching) *loaders {
	return &loaders{
		workspace: byKey(b, func(ctx context.Context, ids []string) ([]*ent.Workspace, error) {
			return db.Workspace.Query().Where(workspace.IDIn(ids...)).All(ctx)
		}, func(v *ent.Workspace) string { return v.ID }),
		project: byKey(b, func(ctx context.Context, ids []string) ([]*ent.Project, error) {
			return db.Project.Query().Where(entproject.IDIn(ids...)).All(ctx)
		}, func(v *ent.Project) string { return v.ID }),
		environment: byKey(b, func(ctx context.Context, ids []string) ([]*ent.Environment, error) {
			return db.Environment.Query().Where(environment.IDIn(ids...)).All(ctx)
		}, func(v *ent.Environment) string { return v.ID }),
		service: byKey(b, func(ctx context.Context, ids []string) ([]*ent.Service, error) {
			return db.Service.Query().Where(service.IDIn(ids...)).All(ctx)
		}, func(v *ent.Service) string { return v.ID }),
		instance: byKey(b, func(ctx context.Context, ids []string) ([]*ent.ServiceInstance, error) {
			return db.ServiceInstance.Query().Where(serviceinstance.IDIn(ids...)).All(ctx)
		}, func(v *ent.ServiceInstance) string { return v.ID }),
		deployment: byKey(b, func(ctx context.Context, ids []string) ([]*ent.Deployment, error) {
			return db.Deployment.Query().Where(deployment.IDIn(ids...)).All(ctx)
		}, func(v *ent.Deployment) string { return v.ID }),
		user: byKey(b, func(ctx context.Context, ids []string) ([]*ent.User, error) {
			return db.User.Query().Where(user.IDIn(ids...)).All(ctx)
		}, func(v *ent.User) string { return v.ID }),
		domain: byKey(b, func(ctx context.Context, ids []string) ([]*ent.Domain, error) {
			return db.Domain.Query().Where(domain.IDIn(ids...)).All(ctx)
		}, func(v *ent.Domain) string { return v.ID }),
		credential: byKey(b, func(ctx context.Context, ids []string) ([]*ent.RegistryCredential, error) {
			return db.RegistryCredential.Query().Where(registrycredential.IDIn(ids...)).All(ctx)
		}, func(v *ent.RegistryCredential) string { return v.ID }),
		gitAccess: byKey(b, func(ctx context.Context, ids []string) ([]*ent.GitCredential, error) {
			return db.GitCredential.Query().Where(gitcredential.ServiceIDIn(ids...)).All(ctx)
		}, func(v *ent.GitCredential) string { return v.ServiceID }),
		version: byKey(b, func(ctx context.Context, ids []string) ([]*ent.VariableVersion, error) {
			return someVersions(ctx, db, ids, maxAnswer)
		}, func(v *ent.VariableVersion) string { return v.ID }),
		replica: byKey(b, func(ctx context.Context, ids []string) ([]*ent.Replica, error) {
			return db.Replica.Query().Where(replica.IDIn(ids...)).All(ctx)
		}, func(v *ent.Replica) string { return v.ID }),
		route: byKey(b, func(ctx context.Context, ids []string) ([]*ent.Route, error) {
			return db.Route.Query().Where(route.IDIn(ids...)).All(ctx)
		}, func(v *ent.Route) string { return v.ID }),
		variable: byKey(b, func(ctx context.Context, ids []string) ([]*ent.Variable, error) {
			return db.Variable.Query().Where(variable.IDIn(ids...), variable.RemovedAtIsNil()).All(ctx)
		}, func(v *ent.Variable) string { return v.ID }),
		event: byKey(b, func(ctx context.Context, ids []string) ([]*ent.Event, error) {
			return db.Event.Query().Where(event.IDIn(ids...)).All(ctx)
		}, func(v *ent.Event) string { return v.ID }),
		operation: byKey(b, func(ctx context.Context, ids []string) ([]*ent.Operation, error) {
			return db.Operation.Query().Where(operation.IDIn(ids...)).All(ctx)
		}, func(v *ent.Operation) string { return v.ID }),
		artifact: byKey(b, func(ctx context.Context, ids []string) ([]*ent.Artifact, error) {
			return db.Artifact.Query().Where(artifact.IDIn(ids...)).All(ctx)
		}, func(v *ent.Artifact) string { return v.ID }),
		build: byKey(b, func(ctx context.Context, ids []string) ([]*ent.Build, error) {
			return db.Build.Query().Where(build.IDIn(ids...)).All(ctx)
		}, func(v *ent.Build) string { return v.ID }),
		made: byKey(b, func(ctx context.Context, ids []string) ([]*ent.Build, error) {
			return db.Build.Query().Where(build.DeploymentIDIn(ids...)).All(ctx)
		}, func(v *ent.Build) string { return v.DeploymentID }),
		active: byKey(b, func(ctx context.Context, ids []string) ([]*ent.Deployment, error) {
			return db.Deployment.Query().Where(deployment.InstanceIDIn(ids...), deployment.IsActive(true)).All(ctx)
		}, func(v *ent.Deployment) string { return v.InstanceID }),
		latest: byKey(b, func(ctx context.Context, ids []string) ([]*ent.Deployment, error) {
			return db.Deployment.Query().Where(newest(ids)).All(ctx)
		}, func(v *ent.Deployment) string { return v.InstanceID }),

		instancesOfService: listBy(b, func(ctx context.Context, ids []string) ([]*ent.ServiceInstance, error) {
			return db.ServiceInstance.Query().Where(serviceinstance.ServiceIDIn(ids...)).Order(serviceinstance.ByID()).All(ctx)
		}, func(v *ent.ServiceInstance) string { return v.ServiceID }),
		instancesOfEnvironment: listBy(b, func(ctx context.Context, ids []string) ([]*ent.ServiceInstance, error) {
			return db.ServiceInstance.Query().Where(serviceinstance.EnvironmentIDIn(ids...)).Order(serviceinstance.ByID()).All(ctx)
		}, func(v *ent.ServiceInstance) string { return v.EnvironmentID }),
		replicasOfInstance: listBy(b, func(ctx context.Context, ids []string) ([]*ent.Replica, error) {
			return db.Replica.Query().Where(replica.InstanceIDIn(ids...), deploy.Existing).Order(replica.ByID()).All(ctx)
		}, func(v *ent.Replica) string { return v.InstanceID }),
		replicasOfDeployment: listBy(b, func(ctx context.Context, ids []string) ([]*ent.Replica, error) {
			return db.Replica.Query().Where(replica.DeploymentIDIn(ids...)).Order(replica.ByID()).All(ctx)
		}, func(v *ent.Replica) string { return v.DeploymentID }),
		routesOfInstance: listBy(b, func(ctx context.Context, ids []string) ([]*ent.Route, error) {
			return db.Route.Query().Where(route.InstanceIDIn(ids...)).Order(route.ByID()).All(ctx)
		}, func(v *ent.Route) string { return v.InstanceID }),
		routesOfEnvironment: listBy(b, func(ctx context.Context, ids []string) ([]*ent.Route, error) {
			return db.Route.Query().Where(route.EnvironmentIDIn(ids...)).Order(route.ByID()).All(ctx)
		}, func(v *ent.Route) string { return v.EnvironmentID }),
		variables: listBy(b, func(ctx context.Context, ids []string) ([]*ent.Variable, error) {
			return db.Variable.Query().Where(variable.TargetIDIn(ids...), variable.RemovedAtIsNil()).Order(variable.ByName()).All(ctx)
		}, func(v *ent.Variable) string { return v.TargetID }),
		credentials: listBy(b, func(ctx context.Context, ids []string) ([]*ent.RegistryCredential, error) {
			return db.RegistryCredential.Query().Where(registrycredential.WorkspaceIDIn(ids...)).Order(registrycredential.ByHost()).All(ctx)
		}, func(v *ent.RegistryCredential) string { return v.WorkspaceID }),

		role: byKey(b, func(ctx context.Context, ids []string) ([]*ent.Membership, error) {
			p, err := principal.From(ctx)
			if err != nil {
				return nil, err
			}
			return db.Membership.Query().Where(membership.WorkspaceIDIn(ids...), membership.UserID(p.UserID)).All(ctx)
		}, func(v *ent.Membership) string { return v.WorkspaceID }),
		ahead: newAhead(b, db),
		runs:  newRuns(b, db),
		pages: newPages(b, db),
	}
}
