package worker

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/operation"
	"github.com/davitdev/davit/ent/replica"
	"github.com/davitdev/davit/ent/serviceinstance"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
	"github.com/davitdev/davit/runner/runnertest"
)

func (h *house) scale(i *ent.ServiceInstance, n int) {
	h.t.Helper()
	if _, err := h.verbs.Scale(h.ctx, i.ID, "", n); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) instance(i *ent.ServiceInstance) *ent.ServiceInstance {
	h.t.Helper()
	now, err := h.db.ServiceInstance.Query().Where(serviceinstance.ID(i.ID)).Only(h.ctx)
	if err != nil {
		h.t.Fatal(err)
	}
	return now
}

// done waits until an operation has succeeded.
func (h *house) done(id string) {
	h.t.Helper()
	h.until("the operation ends", func() bool {
		op, err := h.db.Operation.Query().Where(operation.ID(id)).Only(h.ctx)
		if err != nil {
			h.t.Fatal(err)
		}
		if op.Status.Final() && op.Status != lifecycle.OperationSucceeded {
			h.t.Fatalf("the operation ended as %s: %+v", op.Status, op.Failure)
		}
		return op.Status.Final()
	})
}

// A worker ends while a deployment starts more replicas than are wanted when the
// next one goes on.
func TestADeploymentThatIsScaledDownWhileItStartsGoesLive(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := newHouse(t, db)
		p := h.start()
		i := h.service(h.version("v1", nil), nil)
		h.deploy(i, "")
		h.scale(i, 2)
		h.running(i, 2)
		d := h.request(i, h.version("v2", func(f *runnertest.FakeImage) { f.Env["APP_UNHEALTHY_FOR"] = "2s" }))
		h.until("both start", func() bool {
			n, err := h.db.Replica.Query().Where(replica.DeploymentID(d.ID), replica.StatusEQ(lifecycle.ReplicaStarting)).Count(h.ctx)
			return err == nil && n == 2
		})
		p.stop()
		h.scale(i, 1)
		p = h.start()
		if d = h.completed(d.ID); *d.Conclusion != lifecycle.Succeeded {
			t.Fatalf("it ended as %s: %+v", *d.Conclusion, d.Failure)
		}
		h.serves(i, "v2")
		h.running(i, 1)
		h.tidy()
		h.sound(p)
	})
}

func TestDelete(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct {
		name    string
		remove  func(h *house, i *ent.ServiceInstance) (*ent.Operation, error)
		network bool // stays
	}{
		{"a service", func(h *house, i *ent.ServiceInstance) (*ent.Operation, error) {
			return h.projects.DeleteService(h.ctx, i.ServiceID)
		}, true},
		{"an environment", func(h *house, i *ent.ServiceInstance) (*ent.Operation, error) {
			return h.projects.DeleteEnvironment(h.ctx, i.EnvironmentID)
		}, false},
		{"a project", func(h *house, i *ent.ServiceInstance) (*ent.Operation, error) {
			return h.projects.Delete(h.ctx, i.ProjectID, h.project.Slug)
		}, false},
	} {
		t.Run(tt.name+" leaves no container, row or log", func(t *testing.T) {
			t.Parallel()
			storetest.Each(t, func(t *testing.T, db *store.DB) {
				h := newHouse(t, db)
				p := h.start()
				i := h.service(h.version("v1", nil), nil)
				h.deploy(i, "")
				host := h.host(i)
				woken := p.Queue.Wake().Subscribe(h.ctx, i.ID)
				under := h.request(i, h.version("v2", slowPull)) // one that is under way
				h.reaches(under.ID, lifecycle.Preparing)
				op, err := tt.remove(h, i)
				if err != nil {
					t.Fatal(err)
				}
				h.until("who follows the instance learns that it is gone", func() bool {
					select {
					case <-woken:
						there, err := h.db.ServiceInstance.Query().Where(serviceinstance.ID(i.ID)).Exist(h.ctx)
						return err == nil && !there
					default:
						return false
					}
				})
				h.done(op.ID)
				if left := h.containers(); len(left) != 0 {
					t.Errorf("%q are left", left)
				}
				networks, err := h.fake.Networks(h.ctx)
				if err != nil || (len(networks) > 0) != tt.network {
					t.Errorf("networks %v, %v", networks, err)
				}
				for what, count := range map[string]func() (int, error){
					"instances":   func() (int, error) { return h.db.ServiceInstance.Query().Count(h.ctx) },
					"deployments": func() (int, error) { return h.db.Deployment.Query().Count(h.ctx) },
					"replicas":    func() (int, error) { return h.db.Replica.Query().Count(h.ctx) },
					"routes":      func() (int, error) { return h.db.Route.Query().Count(h.ctx) },
				} {
					if n, err := count(); n != 0 || err != nil {
						t.Errorf("%d %s are left, %v", n, what, err)
					}
				}
				if _, err := os.Stat(filepath.Join(h.logDir, i.ID)); !os.IsNotExist(err) {
					t.Errorf("its log is left: %v", err)
				}
				h.until("nothing answers under its name", func() bool { status, _ := h.get(host, "/"); return status == 404 })
			})
		})
	}
}

func TestDeletedImages(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := newHouse(t, db)
		h.start()
		i := h.service(h.version("v1", nil), nil)
		built := func(i *ent.ServiceInstance, image string) *ent.Deployment {
			d := h.deploy(i, image)
			if err := h.db.Build.Create().SetProjectID(d.ProjectID).SetDeploymentID(d.ID).SetBuilder(spec.Dockerfile).Exec(h.ctx); err != nil {
				t.Fatal(err)
			}
			return d
		}
		mine, shared := built(i, h.version("mine", nil)), built(i, h.version("shared", nil))
		pulled := h.deploy(i, "")
		other := h.service(h.version("other", nil), func(s *project.NewService) { s.Name = "other" })
		h.deploy(other, shared.Image.Reference)

		op, err := h.projects.DeleteService(h.ctx, i.ServiceID)
		if err != nil {
			t.Fatal(err)
		}
		h.done(op.ID)
		for what, tt := range map[string]struct {
			image string
			kept  bool
		}{
			"an image built for it alone goes":       {mine.Image.ID, false},
			"one that another service has run stays": {shared.Image.ID, true},
			"one of a registry stays":                {pulled.Image.ID, true},
		} {
			if _, err := h.fake.Image(h.ctx, tt.image); (err == nil) != tt.kept {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}
