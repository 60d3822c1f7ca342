package graph_test

import (
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/event"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/logs"
	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/spec"
)

// tenant is a workspace with one row of everything.
type tenant struct {
	owner       *person
	workspace   *ent.Workspace
	project     *ent.Project
	environment *ent.Environment
	service     *ent.Service
	instance    *ent.ServiceInstance
	deployment  *ent.Deployment
	build       *ent.Build
	replica     *ent.Replica
	variable    *ent.Variable
	credential  *ent.RegistryCredential
	operation   *ent.Operation
	event       *ent.Event
	route       *ent.Route
	artifact    *ent.Artifact
}

// tenant makes one whose every text begins with mark, lower-case letters and
// digits. Its deployment serves.
func (w *world) tenant(mark string) *tenant {
	w.Helper()
	t := &tenant{owner: w.user(mark + "-owner")}
	ctx, db, now := w.system, w.db, time.Now().UTC().Truncate(time.Microsecond)
	t.workspace = db.Workspace.Create().SetSlug(mark + "-ws").SetName(mark + " workspace").SetDescription(mark).SaveX(ctx)
	w.join(t.workspace, t.owner, principal.Owner)
	asOwner := principal.With(w.Context(), principal.Principal{
		Kind: principal.User, UserID: t.owner.ID, Scopes: []principal.Scope{principal.Admin},
	})
	var err error
	t.credential, err = w.projects.PutRegistryCredential(asOwner, t.workspace.ID, mark+".example.com", mark+"-login", mark+"-password")
	check(w, err)
	t.project = db.Project.Create().SetWorkspace(t.workspace).SetSlug(mark + "-prj").SetName(mark + " project").SetDescription(mark).
		SetCreatedByID(t.owner.ID).SaveX(ctx)
	t.environment = db.Environment.Create().SetProject(t.project).SetSlug(mark + "-env").SetName(mark + " environment").
		SetKind(spec.Production).SetColor(mark).SaveX(ctx)
	source := spec.Source{Image: &spec.ImageSource{Image: mark + "/app:1", CredentialID: t.credential.ID}}
	settings := spec.Settings{
		StartCommand: mark, DockerfilePath: mark, DockerTarget: mark, BuildArgs: []spec.KeyValue{{Key: mark, Value: mark}},
		Language: mark, LanguageVersion: mark, InstallCommand: mark, BuildCommand: mark, OutputDirectory: mark, Packages: []string{mark},
		ConfigFiles: []spec.ConfigFile{{Path: mark, Digest: mark}},
	}
	t.service = db.Service.Create().SetProject(t.project).SetSlug(mark + "-svc").SetName(mark + " service").SetKind(spec.Web).SetSource(source).SaveX(ctx)
	t.instance = db.ServiceInstance.Create().SetProject(t.project).SetService(t.service).SetEnvironment(t.environment).
		SetSettings(settings).SetStateReason(mark).SetLastNumber(1).SaveX(ctx)
	failure := &lifecycle.Failure{Code: fault.Internal, Domain: fault.Platform, Message: mark, Hint: &mark, Excerpt: []lifecycle.ExcerptLine{{Time: now, Stream: "STDOUT", Message: mark}}}
	t.deployment = db.Deployment.Create().SetProject(t.project).SetInstance(t.instance).SetEnvironmentID(t.environment.ID).SetServiceID(t.service.ID).
		SetNumber(1).SetTrigger(lifecycle.Manual).SetCreatedByID(t.owner.ID).SetMessage(mark).SetSource(source).SetSettings(settings).
		SetVariables([]spec.VariableRef{{Name: mark, Digest: mark}}).SetStatus(lifecycle.Completed).SetConclusion(lifecycle.Succeeded).
		SetIsActive(true).SetFailure(failure).SetImage(&spec.ImageRef{Reference: mark, Digest: mark}).SaveX(ctx)
	t.build = db.Build.Create().SetProject(t.project).SetDeployment(t.deployment).SetPlatform(mark).SetFailure(failure).
		SetSteps([]lifecycle.BuildStep{{ID: mark, Name: mark}}).SaveX(ctx)
	t.replica = db.Replica.Create().SetProject(t.project).SetInstance(t.instance).SetDeployment(t.deployment).SetSlot(0).SetGeneration(1).
		SetContainerName(mark).SetContainerID(mark).SetAddr(mark).SaveX(ctx)
	set, err := w.projects.SetVariables(asOwner, project.Target{ProjectID: t.project.ID}, []project.Value{
		{Name: mark + "_plain", Value: mark, Runtime: true}, {Name: mark + "_secret", Value: mark + "-hidden", Secret: true, Runtime: true},
	}, false)
	check(w, err)
	t.variable = set[0]
	domain := db.Domain.Create().SetProject(t.project).SetHostname(mark + "-host").SaveX(ctx)
	t.route = db.Route.Create().SetProject(t.project).SetEnvironment(t.environment).SetInstance(t.instance).SetDomain(domain).SaveX(ctx)
	t.artifact = db.Artifact.Create().SetProject(t.project).SetService(t.service).SetName(mark).SetSha256(mark).SetSizeBytes(1).
		SetCreatedByID(t.owner.ID).SetReceivedAt(now).SaveX(ctx)
	t.operation = db.Operation.Create().SetWorkspace(t.workspace).SetProjectID(t.project.ID).SetKind("service.restart").SetTargetID(t.instance.ID).
		SetActorID(t.owner.ID).SetMessage(mark).SetFailure(failure).SetStatus(lifecycle.OperationFailed).SaveX(ctx)
	t.event = db.Event.Query().Where(event.WorkspaceID(t.workspace.ID)).FirstX(ctx)
	src := logs.Source{Group: t.instance.ID, ID: t.deployment.ID}
	for _, kind := range []logs.Kind{logs.Build, logs.Stdout} {
		replica := ""
		if kind == logs.Stdout {
			replica = t.replica.ID
		}
		out, err := w.book.Writer(ctx, src, kind, replica, logs.WriterOptions{})
		check(w, err)
		_, err = out.Write([]byte(mark + " says hello\n"))
		check(w, err)
		check(w, out.End(ctx))
	}
	return t
}

// ids are those of the tenant's rows by kind.
func (t *tenant) ids() map[ident.Kind]string {
	return map[ident.Kind]string{
		ident.Workspace: t.workspace.ID, ident.User: t.owner.ID, ident.Project: t.project.ID, ident.Environment: t.environment.ID,
		ident.Service: t.service.ID, ident.Instance: t.instance.ID, ident.Deployment: t.deployment.ID, ident.Build: t.build.ID,
		ident.Replica: t.replica.ID, ident.Route: t.route.ID, ident.Variable: t.variable.ID, ident.Event: t.event.ID,
		ident.Operation: t.operation.ID, ident.RegistryCredential: t.credential.ID, ident.Artifact: t.artifact.ID,
	}
}
