package deploy

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/artifact"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

// sent is an artifact that arrived longer ago than UploadGrace.
func (w *world) sent() *ent.Artifact {
	w.t.Helper()
	up := must(w.projects.CreateUpload(w.ctx, project.NewUpload{
		ServiceID: w.instance.ServiceID, Filename: "app.tar.gz", SizeBytes: 1, SHA256: strings.Repeat("ab", 32),
	}))(w.t)
	a := must(w.projects.ReceiveUpload(w.ctx, up.Artifact.ID))(w.t)
	w.must(w.DB.Artifact.Update().Where(artifact.ID(a.ID)).SetReceivedAt(clock().Add(-2 * UploadGrace)).Exec(w.ctx))
	return a
}

func (w *world) hasArtifact(id string) bool {
	w.t.Helper()
	return must(w.DB.Artifact.Query().Where(artifact.ID(id)).Exist(w.ctx))(w.t)
}

// ofUpload are the ways to deploy an artifact that nothing needs any more. Each
// prepares itself, and returns what asks for the deployment.
var ofUpload = map[string]func(w *world, a *ent.Artifact) func() error{
	"a deployment of it": func(w *world, a *ent.Artifact) func() error {
		return func() error {
			_, err := w.Request(w.ctx, Order{InstanceID: w.instance.ID, ArtifactID: a.ID, Trigger: lifecycle.API})
			return err
		}
	},
	"a redeployment of one that failed": func(w *world, a *ent.Artifact) func() error {
		failed := must(w.Request(w.ctx, Order{InstanceID: w.instance.ID, ArtifactID: a.ID, Trigger: lifecycle.API}))(w.t)
		c := must(w.Claim(w.ctx, failed.ID, "worker"))(w.t)
		w.carry(c, lifecycle.Preparing)
		w.must(w.Complete(w.ctx, c, lifecycle.Failed, userFailure()))
		return func() error {
			_, err := w.Redeploy(w.ctx, Again{DeploymentID: failed.ID})
			return err
		}
	},
}

// A deployment that is accepted while uploads are being forgotten keeps its own.
func TestForgettingUploadsSparesAnAcceptedDeployment(t *testing.T) {
	t.Parallel()
	for what, prepare := range ofUpload {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			storetest.Each(t, func(t *testing.T, db *store.DB) {
				w := newWorld(t, db)
				w.live() // something is kept
				a := w.sent()
				ask, asked := prepare(w, a), false
				db.Deployment.Intercept(ent.InterceptFunc(func(next ent.Querier) ent.Querier {
					return ent.QuerierFunc(func(ctx context.Context, q ent.Query) (ent.Value, error) {
						rows, err := next.Query(ctx, q)
						if !asked { // what is kept was just read
							asked = true
							w.must(ask())
						}
						return rows, err
					})
				}))
				w.must(w.ForgetUploads(w.ctx))
				if !asked || !w.hasArtifact(a.ID) {
					t.Errorf("asked for: %v; the upload is gone", asked)
				}
			})
		})
	}
}

// One that is asked for while its upload is being forgotten is refused, rather
// than accepted without a source. Whoever writes to a file is alone there.
func TestADeploymentWaitsForWhoForgetsItsUpload(t *testing.T) {
	t.Parallel()
	for what, prepare := range ofUpload {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, storetest.Postgres(t))
			a := w.sent()
			ask, answer := prepare(w, a), make(chan error, 1)
			look := time.NewTicker(time.Millisecond)
			defer look.Stop()
			w.must(w.DB.Tx(w.ctx, func(tx *store.Tx) error {
				w.must(w.forgetUpload(w.ctx, tx, a, clock()))
				go func() { answer <- ask() }()
				for len(answer) == 0 && !w.isLocked() {
					<-look.C
				}
				return nil
			}))
			wantFault(t, what, <-answer, fault.UploadExpired)
		})
	}
}

// Nor is it accepted if that was forgotten since it was looked for.
func TestADeploymentLooksAgainForItsUpload(t *testing.T) {
	t.Parallel()
	for what, prepare := range ofUpload {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			storetest.Each(t, func(t *testing.T, db *store.DB) {
				w := newWorld(t, db)
				a := w.sent()
				ask, forgotten := prepare(w, a), false
				forget := ent.InterceptFunc(func(next ent.Querier) ent.Querier {
					return ent.QuerierFunc(func(ctx context.Context, q ent.Query) (ent.Value, error) {
						rows, err := next.Query(ctx, q)
						if !forgotten {
							forgotten = true
							w.must(w.ForgetUploads(ctx))
						}
						return rows, err
					})
				})
				if what == "a deployment of it" {
					db.Artifact.Intercept(forget)
				} else {
					db.Deployment.Intercept(forget)
				}
				wantFault(t, what, ask(), fault.UploadExpired)
			})
		})
	}
}

// isLocked reports whether a transaction in PostgreSQL waits for a lock.
func (w *world) isLocked() bool {
	w.t.Helper()
	n := must(w.DB.Int64s(w.ctx, "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"))(w.t)
	return n[0] > 0
}

// What arrives while uploads are being forgotten is no longer one that never came.
func TestForgettingUploadsSparesOneThatArrives(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		up := must(w.projects.CreateUpload(w.ctx, project.NewUpload{
			ServiceID: w.instance.ServiceID, Filename: "app.tar.gz", SizeBytes: 1, SHA256: strings.Repeat("ab", 32),
		}))(t)
		w.must(db.Artifact.Update().Where(artifact.ID(up.Artifact.ID)).SetExpiresAt(clock().Add(-time.Minute)).Exec(w.ctx))
		arrived := false
		db.Artifact.Intercept(ent.InterceptFunc(func(next ent.Querier) ent.Querier {
			return ent.QuerierFunc(func(ctx context.Context, q ent.Query) (ent.Value, error) {
				rows, err := next.Query(ctx, q)
				if !arrived { // those that never came were just read
					arrived = true
					must(w.projects.ReceiveUpload(ctx, up.Artifact.ID))(t)
				}
				return rows, err
			})
		}))
		w.must(w.ForgetUploads(w.ctx))
		if !arrived || !w.hasArtifact(up.Artifact.ID) {
			t.Errorf("arrived: %v; it is gone", arrived)
		}
	})
}
