package worker

import (
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/ent/replica"
	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
	"github.com/davitdev/davit/runner/runnertest"
)

// stormy is how large a storm is: most with TEST_STORM=full, else few.
func stormy(t *testing.T, few, most int) int {
	t.Helper()
	switch v := os.Getenv("TEST_STORM"); v {
	case "full":
		return most
	case "":
		return few
	default:
		t.Fatalf("TEST_STORM is %q, want full", v)
		return 0
	}
}

// services makes n web services.
func (h *house) services(n int) []*ent.ServiceInstance {
	h.t.Helper()
	out := make([]*ent.ServiceInstance, n)
	for i := range out {
		out[i] = h.service(h.version("v0", nil), func(s *project.NewService) {
			s.Name = fmt.Sprintf("web %d", i)
			patient(s)
		})
	}
	return out
}

// calm waits until every deployment has ended, and fails the test unless
// everything is as promised then.
func (h *house) calm(p *process) {
	h.t.Helper()
	h.within(patience*time.Duration(stormy(h.t, 4, 30)), "every deployment ends", func() bool {
		open, err := h.db.Deployment.Query().Where(deployment.StatusNEQ(lifecycle.Completed)).Exist(h.ctx)
		if err != nil {
			h.t.Fatal(err)
		}
		return !open
	})
	h.tidy()
	h.sound(p)
}

// newest fails the test unless the newest deployment of an instance serves, or
// says why not, and returns it.
func (h *house) newest(i *ent.ServiceInstance) *ent.Deployment {
	h.t.Helper()
	d, err := h.db.Deployment.Query().Where(deployment.InstanceID(i.ID)).Order(ent.Desc(deployment.FieldNumber)).First(h.ctx)
	if err != nil {
		h.t.Fatal(err)
	}
	if *d.Conclusion == lifecycle.Succeeded && !d.IsActive {
		h.t.Errorf("#%d of %s went live, and does not serve", d.Number, i.ID)
	}
	return d
}

// P1, P2, P3, P8: whatever comes at once ends well.
func TestStorms(t *testing.T) {
	t.Parallel()

	each := func(name string, storm func(t *testing.T, h *house, fleet []*process)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Each(t, func(t *testing.T, db *store.DB) {
				h := newHouse(t, db)
				storm(t, h, h.fleet())
			})
		})
	}

	each("many requests over many services", func(t *testing.T, h *house, fleet []*process) {
		n := stormy(t, 30, 500)
		services := h.services(stormy(t, 6, 20))
		pace := time.NewTicker(10 * time.Second / 500)
		defer pace.Stop()
		for k := range n {
			<-pace.C
			h.request(services[k%len(services)], h.version(fmt.Sprintf("v%d", k), nil))
		}
		h.calm(fleet[0])
		for k, i := range services {
			if d := h.newest(i); *d.Conclusion != lifecycle.Succeeded {
				t.Errorf("the newest of service %d ended as %s: %+v", k, *d.Conclusion, d.Failure)
			}
		}
	})

	each("twenty requests at once for one service", func(t *testing.T, h *house, fleet []*process) {
		i := h.services(1)[0]
		var wg sync.WaitGroup
		for k := range 20 {
			image := h.version(fmt.Sprintf("v%d", k), nil)
			wg.Go(func() { h.request(i, image) })
		}
		wg.Wait()
		h.calm(fleet[0])
		if d := h.newest(i); *d.Conclusion != lifecycle.Succeeded || d.Number != 20 {
			t.Errorf("#%d ended as %s: %+v", d.Number, *d.Conclusion, d.Failure)
		}
	})

	each("cancels at any moment", func(t *testing.T, h *house, fleet []*process) {
		n := stormy(t, 12, 100)
		services := h.services(stormy(t, 4, 20))
		random := rand.New(rand.NewPCG(1, uint64(n)))
		var wg sync.WaitGroup
		for k := range n {
			d := h.request(services[k%len(services)], h.version(fmt.Sprintf("v%d", k), func(i *runnertest.FakeImage) {
				i.PullTime = time.Duration(random.IntN(50)) * time.Millisecond
			}))
			after := time.NewTimer(time.Duration(random.IntN(400)) * time.Millisecond)
			wg.Go(func() {
				<-after.C
				if _, err := h.verbs.Cancel(h.ctx, d.ID); err != nil && !fault.Is(err, fault.AlreadyLive) && !fault.Is(err, fault.Conflict) {
					t.Errorf("cancel: %v", err)
				} else if err == nil {
					h.completed(d.ID)
					if d := h.row(d.ID); *d.Conclusion == lifecycle.Succeeded {
						t.Errorf("#%d was canceled, and went live", d.Number)
					}
				}
			})
		}
		wg.Wait()
		h.calm(fleet[0])
	})

	each("one task that is delivered many times", func(t *testing.T, h *house, fleet []*process) {
		i := h.service(h.version("v1", nil), func(s *project.NewService) {
			patient(s)
			s.Settings.PreDeployCommand = []string{runnertest.FakeProgram, "--print", "1", "--exit-after", "20ms"}
		})
		d := h.request(i, "")
		var wg sync.WaitGroup
		for k := range 50 { // not by the queue, which would deliver it once
			w := fleet[k%len(fleet)].Worker
			wg.Go(func() {
				if err := w.exclusively(deploy.TaskRun, w.RunDeployment)(h.ctx, d.ID); err != nil {
					t.Errorf("deliver: %v", err)
				}
			})
		}
		wg.Wait()
		h.calm(fleet[0])
		if d = h.row(d.ID); *d.Conclusion != lifecycle.Succeeded {
			t.Fatalf("it ended as %s: %+v", *d.Conclusion, d.Failure)
		}
		ever, err := h.db.Replica.Query().Where(replica.DeploymentID(d.ID)).Count(h.ctx)
		if err != nil || ever != 1 {
			t.Errorf("it has had %d replicas, %v", ever, err)
		}
		for _, p := range d.Phases {
			if p.Attempt != 1 {
				t.Errorf("its phase %s ran %d times", p.Name, p.Attempt)
			}
		}
	})
}
