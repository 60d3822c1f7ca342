package graph_test

import (
	"strings"

	"github.com/davitdev/davit/internal/ident"
)

// cast is whose objects an example names.
type cast struct {
	mark string
	ids  map[ident.Kind]string
}

// nobody's objects have well-formed ids and names, and do not exist.
func nobody(mark string) cast {
	c := cast{mark, map[ident.Kind]string{}}
	for _, k := range kinds {
		c.ids[k] = ident.New(k)
	}
	return c
}

var kinds = []ident.Kind{
	ident.Workspace, ident.User, ident.Project, ident.Environment, ident.Service, ident.Instance, ident.Deployment, ident.Build,
	ident.Replica, ident.Route, ident.Variable, ident.Event, ident.Operation, ident.RegistryCredential, ident.Artifact,
}

// example makes the values to try for an argument or a field of an input.
type example func(cast) []any

func id(list ...ident.Kind) example {
	return func(c cast) (out []any) {
		for _, k := range list {
			out = append(out, c.ids[k])
		}
		return out
	}
}

func text(s string) example {
	return func(c cast) []any { return []any{strings.ReplaceAll(s, "MARK", c.mark)} }
}
func value(v any) example { return func(cast) []any { return []any{v} } }

// examples are the values for everything that may name an object, by
// coordinate: the argument Query.node.id, the field DeployInput.image.
var examples = map[string]example{
	"Query.node.id":                     id(kinds...),
	"Query.nodes.ids":                   func(c cast) []any { return []any{id(kinds...)(c)} },
	"Query.deployment.id":               id(ident.Deployment),
	"Query.repository.url":              text("https://127.0.0.1/team/app"), // nobody may have that looked at
	"Query.operation.id":                id(ident.Operation),
	"Query.workspace.slug":              text("MARK-ws"),
	"Query.project.workspace":           text("MARK-ws"),
	"Query.project.slug":                text("MARK-prj"),
	"Query.serviceInstance.id":          id(ident.Instance),
	"Query.service.workspace":           text("MARK-ws"),
	"Query.service.project":             text("MARK-prj"),
	"Query.service.slug":                text("MARK-svc"),
	"Query.nameAvailable.name":          text("MARK-prj"),
	"Query.nameAvailable.scopeId":       id(ident.Workspace, ident.Project),
	"Service.instance.environmentId":    id(ident.Environment),
	"DeploymentFilter.environmentId":    id(ident.Environment),
	"DeploymentFilter.serviceId":        id(ident.Service),
	"DeploymentFilter.createdById":      id(ident.User),
	"ProjectFilter.query":               text("MARK"),
	"LogSource.deploymentId":            id(ident.Deployment),
	"LogSource.buildId":                 id(ident.Build),
	"LogSource.serviceInstanceId":       id(ident.Instance),
	"LogSource.operationId":             id(ident.Operation),
	"LogQuery.search":                   text("hello"),
	"LogQuery.replicaId":                id(ident.Replica),
	"LogQuery.streams":                  value([]any{"BUILD"}),
	"Subscription.deploymentUpdated.id": id(ident.Deployment),
	"Subscription.operationUpdated.id":  id(ident.Operation),
	"Subscription.events.scopeId":       id(ident.Workspace, ident.Project, ident.Environment, ident.Service, ident.Instance, ident.Deployment),
	"Subscription.events.types":         value([]any{"project.created"}),

	"Subscription.serviceInstanceUpdated.id": id(ident.Instance),

	"CreateProjectInput.workspaceId":               id(ident.Workspace),
	"CreateProjectInput.name":                      text("A project"),
	"CreateProjectInput.slug":                      text("a-project"),
	"CreateProjectInput.description":               text("words"),
	"UpdateProjectInput.projectId":                 id(ident.Project),
	"UpdateProjectInput.name":                      text("Another"),
	"UpdateProjectInput.slug":                      text("another"),
	"UpdateProjectInput.description":               text("words"),
	"DeleteProjectInput.projectId":                 id(ident.Project),
	"DeleteProjectInput.confirmSlug":               text("MARK-prj"),
	"CreateEnvironmentInput.projectId":             id(ident.Project),
	"CreateEnvironmentInput.name":                  text("Staging"),
	"CreateEnvironmentInput.color":                 text("red"),
	"UpdateEnvironmentInput.environmentId":         id(ident.Environment),
	"UpdateEnvironmentInput.name":                  text("Staging"),
	"UpdateEnvironmentInput.color":                 text("red"),
	"DeleteEnvironmentInput.environmentId":         id(ident.Environment),
	"CreateServiceInput.projectId":                 id(ident.Project),
	"CreateServiceInput.name":                      text("A service"),
	"CreateServiceInput.slug":                      text("a-service"),
	"CreateServiceInput.environmentIds":            id(ident.Environment),
	"GitSourceInput.repository":                    text("https://git.example.com/team/app"),
	"GitSourceInput.ref":                           text("main"),
	"GitSourceInput.rootDirectory":                 text("apps/web"),
	"GitSourceInput.username":                      text("ann"),
	"GitSourceInput.token":                         text("token"),
	"RepositoryCredentialInput.username":           text("ann"),
	"RepositoryCredentialInput.token":              text("token"),
	"DeployInput.ref":                              func(cast) []any { return nil }, // only for services of a repository
	"ImageSourceInput.image":                       text("nginx:1"),
	"ImageSourceInput.credentialId":                id(ident.RegistryCredential),
	"UploadSourceInput.artifactId":                 id(ident.Artifact),
	"ServiceSettingsInput.dockerfilePath":          text("Dockerfile"),
	"ServiceSettingsInput.dockerTarget":            text("last"),
	"ServiceSettingsInput.language":                text("node"),
	"ServiceSettingsInput.languageVersion":         text("22"),
	"ServiceSettingsInput.installCommand":          text("npm ci"),
	"ServiceSettingsInput.buildCommand":            text("npm run build"),
	"ServiceSettingsInput.outputDirectory":         text("dist"),
	"ServiceSettingsInput.packages":                value([]any{"ffmpeg"}),
	"ServiceSettingsInput.cron":                    text("0 4 * * *"),
	"ServiceSettingsInput.timeZone":                text("Europe/Berlin"),
	"ProcessSpecInput.name":                        text("worker"),
	"ProcessSpecInput.command":                     text("work"),
	"ConfigFileInput.path":                         text("/etc/MARK/config"),
	"ConfigFileInput.content":                      text("words"),
	"ScaleServiceInput.process":                    text("web"),
	"ServiceSettingsInput.startCommand":            text("serve"),
	"ServiceSettingsInput.preDeployCommand":        value([]any{"migrate"}),
	"KeyValueInput.key":                            text("KEY"),
	"KeyValueInput.value":                          text("value"),
	"HealthCheckInput.successCodes":                text("200-399"),
	"HealthCheckInput.path":                        text("/"),
	"HealthCheckInput.command":                     value([]any{"true"}),
	"UpdateServiceInput.serviceId":                 id(ident.Service),
	"UpdateServiceInput.name":                      text("Another"),
	"UpdateServiceInstanceInput.serviceInstanceId": id(ident.Instance),
	"DeleteServiceInput.serviceId":                 id(ident.Service),
	"ScaleServiceInput.serviceInstanceId":          id(ident.Instance),
	"ScaleServiceInput.replicas":                   value(2),
	"RestartServiceInput.serviceInstanceId":        id(ident.Instance),
	"RestartServiceInput.replicaId":                id(ident.Replica),
	"StopServiceInput.serviceInstanceId":           id(ident.Instance),
	"StartServiceInput.serviceInstanceId":          id(ident.Instance),
	"RunCommandInput.serviceInstanceId":            id(ident.Instance),
	"RunCommandInput.command":                      value([]any{"migrate"}),
	"CancelOperationInput.operationId":             id(ident.Operation),
	"VariableTarget.projectId":                     id(ident.Project),
	"VariableTarget.environmentId":                 id(ident.Environment),
	"VariableTarget.serviceInstanceId":             id(ident.Instance),
	"VariableInput.name":                           text("NAME"),
	"VariableInput.value":                          text("value"),
	"UnsetVariablesInput.names":                    value([]any{"NAME"}),
	"PutRegistryCredentialInput.workspaceId":       id(ident.Workspace),
	"PutRegistryCredentialInput.host":              text("ghcr.io"),
	"PutRegistryCredentialInput.username":          text("ann"),
	"PutRegistryCredentialInput.password":          text("password"),
	"RemoveRegistryCredentialInput.credentialId":   id(ident.RegistryCredential),
	"DeployInput.serviceInstanceId":                id(ident.Instance),
	"DeployInput.image":                            func(cast) []any { return nil }, // only for services of an image
	"DeployInput.artifactId":                       id(ident.Artifact),
	"DeployInput.message":                          text("words"),
	"RedeployInput.deploymentId":                   id(ident.Deployment),
	"RollbackInput.deploymentId":                   id(ident.Deployment),
	"CancelDeploymentInput.deploymentId":           id(ident.Deployment),
	"CreateSessionInput.claim":                     text("davit_clm_MARK-has-never-made-it"),
	"CreateSessionInput.token":                     func(cast) []any { return nil }, // beside a claim
	"CreateUploadInput.serviceId":                  id(ident.Service),
	"CreateUploadInput.filename":                   text("source.tgz"),
	"CreateUploadInput.sizeBytes":                  value(1),
	"CreateUploadInput.sha256":                     value(strings.Repeat("a", 64)),
}
