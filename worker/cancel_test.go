package worker

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/proxy"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
	"github.com/davitdev/davit/runner/runnertest"
)

func slowPull(i *runnertest.FakeImage)  { i.PullTime = time.Minute }
func neverWell(i *runnertest.FakeImage) { i.Env["APP_UNHEALTHY_FOR"] = "-1s" }

// patient gives an application time to come up.
func patient(s *project.NewService) { s.Settings.HealthCheck.StartPeriod = time.Minute }

// inOrder lets deployments wait for each other.
func (h *house) inOrder() {
	h.t.Helper()
	policy := lifecycle.InOrder
	if _, err := h.projects.UpdateEnvironment(h.ctx, project.ChangeEnvironment{ID: h.environment().ID, Concurrency: &policy}); err != nil {
		h.t.Fatal(err)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct {
		name  string
		image func(*runnertest.FakeImage)
		at    lifecycle.Status
	}{
		{"while the image is pulled", slowPull, lifecycle.Preparing},
		{"while it becomes healthy", neverWell, lifecycle.Deploying},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			storetest.Each(t, func(t *testing.T, db *store.DB) {
				h := newHouse(t, db)
				p := h.start()
				i := h.service(h.version("v1", tt.image), patient)
				d := h.request(i, "")
				h.reaches(d.ID, tt.at)
				if tt.at == lifecycle.Deploying {
					h.until("its container runs", func() bool { return len(h.containers()) == 1 })
				}
				if _, err := h.verbs.Cancel(h.ctx, d.ID); err != nil {
					t.Fatal(err)
				}
				h.within(spec.StopGrace+5*time.Second, "it ends", func() bool { return h.row(d.ID).Status == lifecycle.Completed })
				if d = h.row(d.ID); *d.Conclusion != lifecycle.Canceled || d.Failure.Code != fault.Canceled {
					t.Errorf("it ended as %s: %+v", *d.Conclusion, d.Failure)
				}
				if left := h.containers(); len(left) != 0 {
					t.Errorf("%q are left", left)
				}
				h.until("its log ends", func() bool { return p.ended(d) })
			})
		})
	}

	t.Run("one that waits ends at once, and the one it waited for is not disturbed", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, storetest.SQLite(t))
		h.start()
		h.inOrder()
		pull := make(chan struct{})
		i := h.service(h.version("v1", func(i *runnertest.FakeImage) { i.PullHeld = pull }), nil)
		first := h.request(i, "")
		h.reaches(first.ID, lifecycle.Preparing)
		second := h.request(i, h.version("v2", nil))
		if _, err := h.verbs.Cancel(h.ctx, second.ID); err != nil {
			t.Fatal(err)
		}
		if got := h.row(second.ID); got.Status != lifecycle.Completed || *got.Conclusion != lifecycle.Canceled {
			t.Errorf("it is %s", got.Status)
		}
		close(pull)
		h.completed(first.ID)
		h.serves(i, "v1")
	})

	t.Run("an application that ignores SIGTERM is killed", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, storetest.SQLite(t))
		h.start()
		i := h.service(h.version("v1", func(i *runnertest.FakeImage) { neverWell(i); i.Env["APP_IGNORE_TERM"] = "true" }), patient)
		d := h.request(i, "")
		h.until("its container runs", func() bool { return len(h.containers()) == 1 })
		if _, err := h.verbs.Cancel(h.ctx, d.ID); err != nil {
			t.Fatal(err)
		}
		h.within(spec.StopGrace+5*time.Second, "it ends", func() bool { return h.row(d.ID).Status == lifecycle.Completed })
		h.tidy()
	})
}

// What serves is past being canceled, whatever a step of it fails with.
func TestWhatServesIsNotCanceled(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := newHouse(t, db)
		var back atomic.Bool
		h.proxy = func(context.Context) (*proxy.Client, error) {
			if !back.Load() {
				return nil, fault.New(fault.Unavailable, "The proxy is away.")
			}
			return h.client, nil
		}
		p := h.start()
		i := h.service(h.version("v1", nil), nil)
		d := h.request(i, "")
		h.until("it has met no proxy", func() bool { d := h.row(d.ID); return d.Status == lifecycle.Finalizing && d.Attempt > 0 })
		p.stop()
		if _, err := db.Exec(h.ctx, "UPDATE deployments SET due_at = 0 WHERE id = ?", d.ID); err != nil {
			t.Fatal(err)
		}
		p = h.idle()
		c, err := p.Deploy.Claim(h.ctx, d.ID, p.Owner)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.settle(h.ctx, c, stopped{fault.Canceled}); err != nil {
			t.Errorf("settle: %v", err)
		}
		h.running(i, 1)
		back.Store(true)
		p.work()
		if d = h.completed(d.ID); *d.Conclusion != lifecycle.Succeeded {
			t.Errorf("it ended as %s: %+v", *d.Conclusion, d.Failure)
		}
		h.serves(i, "v1")
	})
}

func TestTurns(t *testing.T) {
	t.Parallel()

	t.Run("a newer deployment supersedes one that prepares and skips those that wait", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			h := newHouse(t, db)
			p := h.start()
			i := h.service(h.version("v1", slowPull), nil)
			first := h.request(i, "")
			h.reaches(first.ID, lifecycle.Preparing)
			second := h.request(i, h.version("v2", slowPull))
			third := h.request(i, h.version("v3", nil))
			h.completed(third.ID)
			if d := h.row(first.ID); *d.Conclusion != lifecycle.Canceled || d.Failure.Code != fault.Superseded {
				t.Errorf("the first ended as %s: %+v", *d.Conclusion, d.Failure)
			}
			if d := h.row(second.ID); *d.Conclusion == lifecycle.Succeeded || d.Failure.Code != fault.Superseded {
				t.Errorf("the second ended as %s: %+v", *d.Conclusion, d.Failure)
			}
			h.serves(i, "v3")
			h.sound(p)
		})
	})

	t.Run("in order, each has its turn", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			h := newHouse(t, db)
			p := h.start()
			h.inOrder()
			i := h.service(h.version("v1", nil), nil)
			var ids []string
			for _, v := range []string{"v1", "v2", "v3"} {
				ids = append(ids, h.request(i, h.version(v, nil)).ID)
			}
			var last time.Time
			for n, id := range ids {
				d := h.completed(id)
				if *d.Conclusion != lifecycle.Succeeded {
					t.Fatalf("#%d ended as %s: %+v", n+1, *d.Conclusion, d.Failure)
				}
				if d.StartedAt.Before(last) {
					t.Errorf("#%d began before its predecessor had switched", n+1)
				}
				last = *d.TrafficSwitchedAt
			}
			h.serves(i, "v3")
			h.running(i, 1)
			h.sound(p)
		})
	})

	t.Run("a rollback pulls nothing and serves the old version with its settings", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, storetest.SQLite(t))
		h.start()
		i := h.service(h.version("v1", nil), nil)
		first := h.deploy(i, "")
		h.deploy(i, h.version("v2", nil))
		back, err := h.verbs.Rollback(h.ctx, first.ID)
		if err != nil {
			t.Fatal(err)
		}
		if back = h.completed(back.ID); *back.Conclusion != lifecycle.Succeeded {
			t.Fatalf("it ended as %s: %+v", *back.Conclusion, back.Failure)
		}
		h.serves(i, "v1")
		for _, phase := range back.Phases {
			if phase.Name == lifecycle.PhasePullImage && (phase.Detail == nil || *phase.Detail != "kept") || phase.Name == lifecycle.PhaseBuild {
				t.Errorf("it pulled or built: %+v", phase)
			}
		}
	})
}
