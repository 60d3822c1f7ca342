package worker

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/logs"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
	"github.com/davitdev/davit/runner/runnertest"
)

// works gives a service a process beside it: the fake's program with these
// flags.
func works(name string, replicas int, args ...string) func(*project.NewService) {
	return func(n *project.NewService) {
		n.Settings.Processes = append(n.Settings.Processes, spec.Process{
			Name: name, Command: strings.Join(append([]string{runnertest.FakeProgram}, args...), " "), Replicas: replicas,
		})
	}
}

// of are the replicas of a process that run.
func of(rows []*ent.Replica, process string) []*ent.Replica {
	return slices.DeleteFunc(slices.Clone(rows), func(r *ent.Replica) bool { return r.Process != process })
}

func TestProcesses(t *testing.T) {
	t.Parallel()

	t.Run("they are started and replaced with the deployment, of its image, and only the service is sent requests", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			h := newHouse(t, db)
			p := h.start()
			i := h.service(h.version("v1", nil), works("worker", 2, "--print", "2", "--listen", "127.0.0.1:1"))
			first := h.deploy(i, "")
			rows := h.running(i, 3)
			if len(of(rows, "worker")) != 2 || len(of(rows, "")) != 1 {
				t.Errorf("there are %v", rows)
			}
			for _, r := range of(rows, "worker") {
				if r.Addr != nil {
					t.Errorf("a worker has the address %s", *r.Addr)
				}
			}
			h.serves(i, "v1")
			if now := h.instance(i); now.Status != lifecycle.InstanceRunning {
				t.Errorf("it is %s", now.Status)
			}
			stop := h.hammer(i)
			h.deploy(i, h.version("v2", nil))
			stop()
			rows = h.running(i, 3)
			h.serves(i, "v2")
			for _, r := range rows {
				if r.DeploymentID == first.ID {
					t.Errorf("a replica of %q is still the first deployment's", r.Process)
				}
			}
			h.tidy()
			page, err := p.Recorder.Logs.Query(h.ctx, logs.Query{
				Source: sourceOf(i.ID, first.ID), Limit: 100, Filter: logs.Filter{Replica: of(rows, "worker")[0].ID, Streams: []logs.Kind{logs.Stdout}},
			})
			if err != nil || len(page.Lines) != 0 {
				t.Errorf("the first deployment's log has %v of the second, %v", page.Lines, err)
			}
		})
	})

	t.Run("they are scaled each for itself, and a rollback keeps that", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			h := newHouse(t, db)
			h.start()
			i := h.service(h.version("v1", nil), works("worker", 1))
			first := h.deploy(i, "")
			h.deploy(i, h.version("v2", nil))
			for _, tt := range []struct {
				process string
				n, want int
			}{{"worker", 3, 4}, {"web", 2, 5}, {"worker", 0, 2}, {"worker", 2, 4}} {
				if _, err := h.verbs.Scale(h.ctx, i.ID, tt.process, tt.n); err != nil {
					t.Fatal(err)
				}
				if rows := h.running(i, tt.want); tt.process == "worker" && len(of(rows, "worker")) != tt.n {
					t.Errorf("%d of %v are workers", tt.n, rows)
				}
			}
			h.until("it runs", func() bool { return h.instance(i).Status == lifecycle.InstanceRunning })
			back, err := h.verbs.Rollback(h.ctx, first.ID)
			if err != nil {
				t.Fatal(err)
			}
			h.completed(back.ID)
			if rows := h.running(i, 4); len(of(rows, "worker")) != 2 {
				t.Errorf("there are %v", rows)
			}
			for process, n := range map[string]int{"nobody": 1, "web": 0, "worker": 51} {
				if _, err := h.verbs.Scale(h.ctx, i.ID, process, n); !fault.Is(err, fault.Invalid) {
					t.Errorf("%s can be scaled to %d: %v", process, n, err)
				}
			}
			_, err = h.projects.UpdateInstance(h.ctx, project.ChangeInstance{ID: i.ID, Apply: func(s spec.Settings) spec.Settings {
				s.Processes = []spec.Process{{Name: "worker", Command: runnertest.FakeProgram, Replicas: 1}}
				s.Processes[0].Replicas = 3
				return s
			}})
			if err != nil {
				t.Fatal(err)
			}
			h.deploy(i, "")
			if rows := h.running(i, 5); len(of(rows, "worker")) != 3 {
				t.Errorf("there are %v", rows)
			}
			h.tidy()
		})
	})

	t.Run("one that ends is started again, and meanwhile the service is degraded and serves", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			h := newHouse(t, db)
			p := h.start()
			i := h.service(h.version("v1", nil), works("worker", 1))
			d := h.deploy(i, "")
			worker := of(h.running(i, 2), "worker")[0]
			h.until("its end is noticed", func() bool {
				h.fake.Kill(worker.ContainerName, 9, false)
				now := h.instance(i)
				return now.Status == lifecycle.InstanceDegraded && now.StateReason != nil && strings.Contains(*now.StateReason, "of worker ended")
			})
			h.serves(i, "v1")
			rows := h.running(i, 2)
			if r := of(rows, "worker")[0]; r.Restarts == 0 || r.Slot != 0 {
				t.Errorf("it is %+v", r)
			}
			if said := p.output(d, logs.System); !slices.Contains(said, "Replica 0 of worker ended with exit code 9.") {
				t.Errorf("Davit says %q", said)
			}
			h.until("all is well", func() bool { return h.instance(i).Status == lifecycle.InstanceRunning })
		})
	})

	t.Run("one that does not stay up fails the deployment, and the old version serves on", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, storetest.SQLite(t))
		h.start()
		i := h.service(h.version("good", nil), nil)
		h.deploy(i, "")
		_, err := h.projects.UpdateInstance(h.ctx, project.ChangeInstance{ID: i.ID, Apply: func(s spec.Settings) spec.Settings {
			s.Processes = []spec.Process{{Name: "worker", Command: runnertest.FakeProgram + " --exit-after 50ms --exit-code 4", Replicas: 1}}
			return s
		}})
		if err != nil {
			t.Fatal(err)
		}
		d := h.completed(h.request(i, h.version("next", nil)).ID)
		if f := d.Failure; *d.Conclusion != lifecycle.Failed || f.Code != fault.AppExited || !strings.Contains(f.Message, "The process worker ended with exit code 4") {
			t.Errorf("it ended as %s: %+v", *d.Conclusion, f)
		}
		h.serves(i, "good")
		h.running(i, 1)
		h.tidy()
	})

	t.Run("those of a Procfile run, unless the settings say otherwise", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, storetest.SQLite(t))
		h.builder = &fakeBuilder{house: h}
		p := h.start()
		i := h.service("", func(n *project.NewService) { n.Source = spec.Source{Upload: &spec.UploadSource{}} })
		h.upload(i, map[string]string{
			"Dockerfile": "FROM scratch\n", "Procfile": "web: /app\nworker: /app --print 1\nmailer: /app --print 2\n",
		})
		d := h.deploy(i, "")
		rows := h.running(i, 3)
		if len(of(rows, "worker")) != 1 || len(of(rows, "mailer")) != 1 {
			t.Errorf("there are %v", rows)
		}
		if lines := p.output(d, logs.Stdout); !slices.Contains(lines, "line 2") {
			t.Errorf("they print %q", lines)
		}
		if _, err := h.verbs.Scale(h.ctx, i.ID, "mailer", 0); err != nil {
			t.Fatal(err)
		}
		h.running(i, 2)
		again, err := h.verbs.Redeploy(h.ctx, deploy.Again{DeploymentID: d.ID, ReuseImage: true})
		if err != nil {
			t.Fatal(err)
		}
		h.completed(again.ID)
		if rows := h.running(i, 2); len(of(rows, "mailer")) != 0 {
			t.Errorf("there are %v", rows)
		}
	})

	t.Run("a restart replaces them too, and a stop ends them", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, storetest.SQLite(t))
		h.start()
		i := h.service(h.version("v1", nil), works("worker", 1))
		h.deploy(i, "")
		before := h.running(i, 2)
		op, err := h.verbs.Restart(h.ctx, i.ID, "")
		if err != nil {
			t.Fatal(err)
		}
		h.done(op.ID)
		for _, r := range h.running(i, 2) {
			if slices.ContainsFunc(before, func(old *ent.Replica) bool { return old.ID == r.ID }) {
				t.Errorf("a replica of %q is the same", r.Process)
			}
		}
		for _, verb := range []func() (*ent.Operation, error){
			func() (*ent.Operation, error) { return h.verbs.Stop(h.ctx, i.ID) },
			func() (*ent.Operation, error) { return h.verbs.Start(h.ctx, i.ID) },
		} {
			if op, err = verb(); err != nil {
				t.Fatal(err)
			}
			h.done(op.ID)
		}
		h.running(i, 2)
		h.tidy()
	})
}

func TestShares(t *testing.T) {
	t.Parallel()
	d := &ent.Deployment{Settings: spec.Settings{Processes: []spec.Process{{Name: "worker", Command: "work", Replicas: 2}}}}
	for want, scaled := range map[string]map[string]int{"[{ 3} {worker 2}]": nil, "[{ 3} {worker 0}]": {"worker": 0, "gone": 7}} {
		i := &ent.ServiceInstance{ReplicaCount: 3, ProcessReplicas: scaled}
		if got := fmt.Sprint(deploy.Shares(i, d)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
