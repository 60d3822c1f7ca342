package deploy

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/ent/serviceinstance"
	"github.com/davitdev/davit/internal/auth"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/secret"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

// world is an installation with one service, whose instance is deployed to. No
// worker lives in it: tests do what a worker does.
type world struct {
	*Service
	t        *testing.T
	ctx      context.Context
	projects *project.Service
	project  *ent.Project
	instance *ent.ServiceInstance
}

func newWorld(t *testing.T, db *store.DB) *world {
	t.Helper()
	keys, err := secret.New(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		t: t, ctx: storetest.System(t), projects: &project.Service{DB: db, Keys: keys},
		Service: &Service{DB: db, Keys: keys, Log: slog.New(slog.DiscardHandler)},
	}
	if _, err := (&auth.Service{DB: db}).Install(w.ctx, "token-of-the-operator", "check"); err != nil {
		t.Fatal(err)
	}
	workspace := must(db.Workspace.Query().First(w.ctx))(t)
	w.project = must(w.projects.Create(w.ctx, project.New{WorkspaceID: workspace.ID, Name: "shop"}))(t)
	w.instance = w.service("web", spec.Source{Image: &spec.ImageSource{Image: "registry.test/app:v1"}})
	return w
}

// must returns v, or fails the test it is given.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// service makes a web service and returns its instance.
func (w *world) service(name string, src spec.Source) *ent.ServiceInstance {
	w.t.Helper()
	s := must(w.projects.CreateService(w.ctx, project.NewService{ProjectID: w.project.ID, Name: name, Kind: spec.Web, Source: src}))(w.t)
	return must(w.DB.ServiceInstance.Query().Where(serviceinstance.ServiceID(s.ID)).Only(w.ctx))(w.t)
}

// inOrder lets deployments wait for each other.
func (w *world) inOrder() {
	w.t.Helper()
	policy := lifecycle.InOrder
	_, err := w.projects.UpdateEnvironment(w.ctx, project.ChangeEnvironment{ID: w.instance.EnvironmentID, Concurrency: &policy})
	w.must(err)
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) order() Order { return Order{InstanceID: w.instance.ID, Trigger: lifecycle.API} }

func (w *world) request() *ent.Deployment {
	w.t.Helper()
	return must(w.Request(w.ctx, w.order()))(w.t)
}

func (w *world) row(id string) *ent.Deployment {
	w.t.Helper()
	return must(w.DB.Deployment.Query().Where(deployment.ID(id)).WithBuild().Only(w.ctx))(w.t)
}

func (w *world) exec(query string, args ...any) {
	w.t.Helper()
	_, err := w.DB.Exec(w.ctx, query, args...)
	w.must(err)
}

// claimed requests a deployment and claims it.
func (w *world) claimed() *Claim {
	w.t.Helper()
	return must(w.Claim(w.ctx, w.request().ID, "worker"))(w.t)
}

// reached are the statuses that at can bring a deployment to.
var reached = []lifecycle.Status{
	lifecycle.Queued, lifecycle.Preparing, lifecycle.Building, lifecycle.Deploying, lifecycle.Finalizing, lifecycle.Completed,
}

// at claims a new deployment and carries it to a status, as a worker does.
func (w *world) at(s lifecycle.Status) *Claim {
	w.t.Helper()
	c := w.claimed()
	w.carry(c, s)
	return c
}

func (w *world) carry(c *Claim, to lifecycle.Status) {
	w.t.Helper()
	for c.Row.Status != to {
		switch c.Row.Status {
		case lifecycle.Queued:
			w.must(w.Begin(w.ctx, c, time.Hour))
		case lifecycle.Preparing:
			w.must(w.BeginBuild(w.ctx, c, spec.Dockerfile, "Dockerfile"))
		case lifecycle.Building:
			image := &spec.ImageRef{Reference: "davit/x:" + c.ID, ID: "sha256:" + c.ID}
			w.must(w.EndBuild(w.ctx, c, "linux/amd64"))
			w.must(w.Advance(w.ctx, c, lifecycle.Deploying, func(u *ent.DeploymentUpdate) { u.SetImage(image) }))
		case lifecycle.Deploying:
			w.must(w.Switch(w.ctx, c))
		case lifecycle.Finalizing:
			w.must(w.Complete(w.ctx, c, lifecycle.Succeeded, nil))
		case lifecycle.Completed:
			w.t.Fatalf("the deployment has ended; it cannot become %s", to)
		}
	}
}

// live deploys with success and returns the row.
func (w *world) live() *ent.Deployment {
	w.t.Helper()
	return w.row(w.at(lifecycle.Completed).ID)
}

// running is how many deployments of the instance have the turn, and serving
// how many serve.
func (w *world) running() (running, serving int) {
	w.t.Helper()
	of := w.DB.Deployment.Query().Where(deployment.InstanceID(w.instance.ID))
	running = must(of.Clone().Where(deployment.StatusIn(lifecycle.Preparing, lifecycle.Building, lifecycle.Deploying)).Count(w.ctx))(w.t)
	serving = must(of.Where(deployment.IsActive(true)).Count(w.ctx))(w.t)
	return running, serving
}

// lose lets the lease of whoever works on a row run out, as when it died.
func (w *world) lose(table, id string) {
	w.t.Helper()
	w.exec("UPDATE "+table+" SET lease_until = 1 WHERE id = ?", id)
}

func wantFault(t *testing.T, what string, err error, code fault.Code) {
	t.Helper()
	if !fault.Is(err, code) {
		t.Errorf("%s: %v, want %s", what, err, code)
	}
}

func wantError(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// userFailure is a failure that no attempt can help.
func userFailure() *lifecycle.Failure {
	return lifecycle.Explain(fault.New(fault.AppExited, "The application ended."), lifecycle.PhaseStart)
}
