package graph

import (
	"context"
	"time"

	"github.com/vikstrous/dataloadgen"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/build"
	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/ent/domain"
	"github.com/davitdev/davit/ent/environment"
	entproject "github.com/davitdev/davit/ent/project"
	"github.com/davitdev/davit/ent/registrycredential"
	"github.com/davitdev/davit/ent/replica"
	"github.com/davitdev/davit/ent/route"
	"github.com/davitdev/davit/ent/service"
	"github.com/davitdev/davit/ent/serviceinstance"
	"github.com/davitdev/davit/ent/user"
	"github.com/davitdev/davit/ent/variable"
	"github.com/davitdev/davit/ent/variableversion"
	"github.com/davitdev/davit/ent/workspace"
	"github.com/davitdev/davit/internal/access"
)

// gather is how long a loader waits for more keys of the same level.
const gather = 500 * time.Microsecond

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
	version     *one[ent.VariableVersion]
	build       *one[ent.Build]      // by deployment
	active      *one[ent.Deployment] // by instance
	latest      *one[ent.Deployment] // by instance

	instancesOfService     *many[ent.ServiceInstance]
	instancesOfEnvironment *many[ent.ServiceInstance]
	replicasOfInstance     *many[ent.Replica]
	replicasOfDeployment   *many[ent.Replica]
	routesOfInstance       *many[ent.Route]
	routesOfEnvironment    *many[ent.Route]
	variables              *many[ent.Variable] // by target

	pages pages
}

type loadersKey struct{}

// withLoaders returns ctx with fresh loaders.
func (r *Resolver) withLoaders(ctx context.Context) context.Context {
	return context.WithValue(ctx, loadersKey{}, newLoaders(r.DB))
}

// load returns the loaders of ctx.
func load(ctx context.Context) *loaders {
	l, _ := ctx.Value(loadersKey{}).(*loaders)
	return l
}

func newLoaders(db *ent.Client) *loaders {
	return &loaders{
		workspace: byKey(func(ctx context.Context, ids []string) ([]*ent.Workspace, error) {
			return db.Workspace.Query().Where(workspace.IDIn(ids...)).All(ctx)
		}, func(v *ent.Workspace) string { return v.ID }),
		project: byKey(func(ctx context.Context, ids []string) ([]*ent.Project, error) {
			return db.Project.Query().Where(entproject.IDIn(ids...)).All(ctx)
		}, func(v *ent.Project) string { return v.ID }),
		environment: byKey(func(ctx context.Context, ids []string) ([]*ent.Environment, error) {
			return db.Environment.Query().Where(environment.IDIn(ids...)).All(ctx)
		}, func(v *ent.Environment) string { return v.ID }),
		service: byKey(func(ctx context.Context, ids []string) ([]*ent.Service, error) {
			return db.Service.Query().Where(service.IDIn(ids...)).All(ctx)
		}, func(v *ent.Service) string { return v.ID }),
		instance: byKey(func(ctx context.Context, ids []string) ([]*ent.ServiceInstance, error) {
			return db.ServiceInstance.Query().Where(serviceinstance.IDIn(ids...)).All(ctx)
		}, func(v *ent.ServiceInstance) string { return v.ID }),
		deployment: byKey(func(ctx context.Context, ids []string) ([]*ent.Deployment, error) {
			return db.Deployment.Query().Where(deployment.IDIn(ids...)).All(ctx)
		}, func(v *ent.Deployment) string { return v.ID }),
		user: byKey(func(ctx context.Context, ids []string) ([]*ent.User, error) {
			return db.User.Query().Where(user.IDIn(ids...)).All(ctx)
		}, func(v *ent.User) string { return v.ID }),
		domain: byKey(func(ctx context.Context, ids []string) ([]*ent.Domain, error) {
			return db.Domain.Query().Where(domain.IDIn(ids...)).All(ctx)
		}, func(v *ent.Domain) string { return v.ID }),
		credential: byKey(func(ctx context.Context, ids []string) ([]*ent.RegistryCredential, error) {
			return db.RegistryCredential.Query().Where(registrycredential.IDIn(ids...)).All(ctx)
		}, func(v *ent.RegistryCredential) string { return v.ID }),
		version: byKey(func(ctx context.Context, ids []string) ([]*ent.VariableVersion, error) {
			return db.VariableVersion.Query().Where(variableversion.IDIn(ids...)).All(ctx)
		}, func(v *ent.VariableVersion) string { return v.ID }),
		build: byKey(func(ctx context.Context, ids []string) ([]*ent.Build, error) {
			return db.Build.Query().Where(build.DeploymentIDIn(ids...)).All(ctx)
		}, func(v *ent.Build) string { return v.DeploymentID }),
		active: byKey(func(ctx context.Context, ids []string) ([]*ent.Deployment, error) {
			return db.Deployment.Query().Where(deployment.InstanceIDIn(ids...), deployment.IsActive(true)).All(ctx)
		}, func(v *ent.Deployment) string { return v.InstanceID }),
		latest: byKey(func(ctx context.Context, ids []string) ([]*ent.Deployment, error) {
			return db.Deployment.Query().Where(deployment.InstanceIDIn(ids...), newest).All(ctx)
		}, func(v *ent.Deployment) string { return v.InstanceID }),

		instancesOfService: listBy(func(ctx context.Context, ids []string) ([]*ent.ServiceInstance, error) {
			return db.ServiceInstance.Query().Where(serviceinstance.ServiceIDIn(ids...)).Order(serviceinstance.ByID()).All(ctx)
		}, func(v *ent.ServiceInstance) string { return v.ServiceID }),
		instancesOfEnvironment: listBy(func(ctx context.Context, ids []string) ([]*ent.ServiceInstance, error) {
			return db.ServiceInstance.Query().Where(serviceinstance.EnvironmentIDIn(ids...)).Order(serviceinstance.ByID()).All(ctx)
		}, func(v *ent.ServiceInstance) string { return v.EnvironmentID }),
		replicasOfInstance: listBy(func(ctx context.Context, ids []string) ([]*ent.Replica, error) {
			return db.Replica.Query().Where(replica.InstanceIDIn(ids...), replica.StatusNEQ(removed)).Order(replica.ByID()).All(ctx)
		}, func(v *ent.Replica) string { return v.InstanceID }),
		replicasOfDeployment: listBy(func(ctx context.Context, ids []string) ([]*ent.Replica, error) {
			return db.Replica.Query().Where(replica.DeploymentIDIn(ids...)).Order(replica.ByID()).All(ctx)
		}, func(v *ent.Replica) string { return v.DeploymentID }),
		routesOfInstance: listBy(func(ctx context.Context, ids []string) ([]*ent.Route, error) {
			return db.Route.Query().Where(route.InstanceIDIn(ids...)).Order(route.ByID()).All(ctx)
		}, func(v *ent.Route) string { return v.InstanceID }),
		routesOfEnvironment: listBy(func(ctx context.Context, ids []string) ([]*ent.Route, error) {
			return db.Route.Query().Where(route.EnvironmentIDIn(ids...)).Order(route.ByID()).All(ctx)
		}, func(v *ent.Route) string { return v.EnvironmentID }),
		variables: listBy(func(ctx context.Context, ids []string) ([]*ent.Variable, error) {
			return db.Variable.Query().Where(variable.TargetIDIn(ids...), variable.RemovedAtIsNil()).Order(variable.ByName()).All(ctx)
		}, func(v *ent.Variable) string { return v.TargetID }),

		pages: newPages(db),
	}
}

// byKey makes a loader of single rows. A key without a row is NOT_FOUND.
func byKey[T any](fetch func(context.Context, []string) ([]*T, error), keyOf func(*T) string) *one[T] {
	return dataloadgen.NewLoader(func(ctx context.Context, keys []string) ([]*T, []error) {
		rows, err := fetch(ctx, keys)
		if err != nil {
			return nil, []error{err}
		}
		found := make(map[string]*T, len(rows))
		for _, r := range rows {
			found[keyOf(r)] = r
		}
		out, errs := make([]*T, len(keys)), make([]error, len(keys))
		for i, k := range keys {
			if out[i] = found[k]; out[i] == nil {
				errs[i] = access.Missing()
			}
		}
		return out, errs
	}, dataloadgen.WithWait(gather))
}

// listBy makes a loader of lists. A key without rows is an empty list.
func listBy[T any](fetch func(context.Context, []string) ([]*T, error), keyOf func(*T) string) *many[T] {
	return dataloadgen.NewLoader(func(ctx context.Context, keys []string) ([][]*T, []error) {
		rows, err := fetch(ctx, keys)
		if err != nil {
			return nil, []error{err}
		}
		found := make(map[string][]*T, len(keys))
		for _, r := range rows {
			k := keyOf(r)
			found[k] = append(found[k], r)
		}
		out := make([][]*T, len(keys))
		for i, k := range keys {
			out[i] = found[k]
		}
		return out, nil
	}, dataloadgen.WithWait(gather))
}
