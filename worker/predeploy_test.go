package worker

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/logs"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
	"github.com/davitdev/davit/runner"
	"github.com/davitdev/davit/runner/runnertest"
)

// migrates gives the service a command before each deployment: the fake's
// program with these flags.
func (h *house) migrates(args ...string) func(*project.NewService) {
	return func(n *project.NewService) {
		n.Settings.PreDeployCommand = append([]string{runnertest.FakeProgram}, args...)
	}
}

// removal is an engine whose first removal of a container is the last that a
// worker does before its database is away for a statement.
type removal struct {
	runner.Runner
	begun, over atomic.Bool
}

func (r *removal) Remove(ctx context.Context, name string) error {
	err := r.Runner.Remove(ctx, name)
	r.begun.Store(true)
	return err
}

func (r *removal) away(_ context.Context, s store.Step, do func() error) error {
	if s.Write && r.begun.Load() && r.over.CompareAndSwap(false, true) {
		s.Abandon()
		return fault.New(fault.StoreAway, "The database is away.")
	}
	return do()
}

func phaseOf(ps lifecycle.Phases, name lifecycle.PhaseName) lifecycle.Phase {
	for _, p := range ps {
		if p.Name == name {
			return p
		}
	}
	return lifecycle.Phase{}
}

func TestPreDeploy(t *testing.T) {
	t.Parallel()

	t.Run("it runs once, before anything starts, with the deployment's environment, and is logged", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			h := newHouse(t, db)
			p := h.start()
			i := h.service(h.version("v1", nil), func(n *project.NewService) {
				h.migrates("--exit-after", "50ms")(n)
				n.Variables = []project.Value{{Name: "APP_PRINT", Value: "3", Runtime: true}}
			})
			d := h.deploy(i, "")
			pre, create := phaseOf(d.Phases, lifecycle.PhasePreDeploy), phaseOf(d.Phases, lifecycle.PhaseCreateContainer)
			if pre.Status != lifecycle.PhaseSucceeded || pre.FinishedAt == nil || create.StartedAt.Before(*pre.FinishedAt) {
				t.Errorf("it is %+v, and containers were made at %v", pre, create.StartedAt)
			}
			h.serves(i, "v1")
			h.tidy()
			lines := p.output(d, logs.Stdout)
			if n := len(slices.DeleteFunc(lines, func(l string) bool { return l != "line 3" })); n != 2 { // its own, and the replica's
				t.Errorf("line 3 is there %d times", n)
			}
			if said := p.output(d, logs.System); !slices.ContainsFunc(said, func(l string) bool { return strings.Contains(l, "pre-deploy command: /app --exit-after 50ms") }) {
				t.Errorf("Davit says %q", said)
			}
		})
	})

	for _, tt := range []struct {
		name  string
		args  []string
		exit  int // -1: none
		says  string
		limit time.Duration
	}{
		{"fails", []string{"--print", "2", "--exit-after", "0s", "--exit-code", "7"}, 7, "ended with exit code 7", 0},
		{"does not exist", nil, 127, "cannot be started", 0},
		{"takes too long", []string{"--print", "2"}, -1, "did not end within 300ms", 300 * time.Millisecond},
	} {
		t.Run("one that "+tt.name+" fails the deployment, and the old version serves on", func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, storetest.SQLite(t))
			p := h.idle()
			if tt.limit > 0 {
				p.Limits.PreDeploy = tt.limit
			}
			p.work()
			i := h.service(h.version("good", nil), nil)
			h.deploy(i, "")
			_, err := h.projects.UpdateInstance(h.ctx, project.ChangeInstance{ID: i.ID, Apply: func(s spec.Settings) spec.Settings {
				s.PreDeployCommand = append([]string{runnertest.FakeProgram}, tt.args...)
				if tt.args == nil {
					s.PreDeployCommand = []string{"/nowhere"}
				}
				return s
			}})
			if err != nil {
				t.Fatal(err)
			}
			d := h.completed(h.request(i, h.version("next", nil)).ID)
			f := d.Failure
			if *d.Conclusion != lifecycle.Failed || f == nil || f.Code != fault.PreDeployFailed || f.Domain != fault.User || f.Hint == nil || !strings.Contains(f.Message, tt.says) {
				t.Fatalf("it ended as %s: %+v", *d.Conclusion, f)
			}
			if *f.Phase != lifecycle.PhasePreDeploy || (f.ExitCode == nil) != (tt.exit < 0) || f.ExitCode != nil && *f.ExitCode != tt.exit {
				t.Errorf("it failed in %s with %v", *f.Phase, f.ExitCode)
			}
			if tt.args != nil && !slices.ContainsFunc(f.Excerpt, func(l lifecycle.ExcerptLine) bool { return l.Message == "line 2" }) {
				t.Errorf("the excerpt is %v", f.Excerpt)
			}
			if create := phaseOf(d.Phases, lifecycle.PhaseCreateContainer); create.StartedAt != nil {
				t.Error("containers were made")
			}
			h.serves(i, "good")
			h.tidy()
			h.until("the log of the failed deployment ends", func() bool { return p.ended(d) })
		})
	}

	t.Run("a Procfile's release command runs, also when its image is used again, unless the settings name another", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, storetest.SQLite(t))
		h.builder = &fakeBuilder{house: h}
		p := h.start()
		i := h.service("", func(n *project.NewService) { n.Source = spec.Source{Upload: &spec.UploadSource{}} })
		h.upload(i, map[string]string{"Dockerfile": "FROM scratch\n", "Procfile": "release: /app --print 1 --exit-after 0s\n"})
		said := func(d *ent.Deployment) []string { return p.output(d, logs.Stdout, logs.System) }
		first := h.deploy(i, "")
		again, err := h.verbs.Redeploy(h.ctx, deploy.Again{DeploymentID: first.ID, ReuseImage: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range []*ent.Deployment{first, h.completed(again.ID)} {
			if !slices.Contains(said(d), "line 1") {
				t.Errorf("#%d says %q", d.Number, said(d))
			}
		}
		_, err = h.projects.UpdateInstance(h.ctx, project.ChangeInstance{ID: i.ID, Apply: func(s spec.Settings) spec.Settings {
			s.PreDeployCommand = []string{"/app", "--exit-after", "1ms"}
			return s
		}})
		if err != nil {
			t.Fatal(err)
		}
		if d := h.deploy(i, ""); slices.Contains(said(d), "line 1") || !slices.Contains(said(d), "Running the pre-deploy command: /app --exit-after 1ms") {
			t.Errorf("#%d says %q", d.Number, said(d))
		}

		// Empty is not the same as not said.
		for _, words := range [][]string{{}, nil} {
			_, err = h.projects.UpdateInstance(h.ctx, project.ChangeInstance{ID: i.ID, Apply: func(s spec.Settings) spec.Settings {
				s.PreDeployCommand = words
				return s
			}})
			if err != nil {
				t.Fatal(err)
			}
			d := h.deploy(i, "")
			ran := slices.Contains(said(d), "Running the pre-deploy command: /app --print 1 --exit-after 0s")
			if ran != (words == nil) || ran != (phaseOf(d.Phases, lifecycle.PhasePreDeploy).StartedAt != nil) {
				t.Errorf("with %v #%d says %q", words, d.Number, said(d))
			}
		}
	})

	t.Run("a cancel stops it", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			h := newHouse(t, db)
			p := h.start()
			i := h.service(h.version("v1", nil), h.migrates("--print", "1"))
			d := h.request(i, "")
			h.until("it runs", func() bool { return slices.Contains(p.output(d, logs.Stdout), "line 1") })
			if _, err := h.verbs.Cancel(h.ctx, d.ID); err != nil {
				t.Fatal(err)
			}
			h.within(spec.StopGrace+5*time.Second, "it ends", func() bool { return h.row(d.ID).Status == lifecycle.Completed })
			if d = h.row(d.ID); *d.Conclusion != lifecycle.Canceled || phaseOf(d.Phases, lifecycle.PhasePreDeploy).Status != lifecycle.PhaseCanceled {
				t.Errorf("it ended as %s: %+v", *d.Conclusion, d.Phases)
			}
			if left := h.containers(); len(left) != 0 {
				t.Errorf("%q are left", left)
			}
			h.until("its log ends", func() bool { return p.ended(d) })
		})
	})

	for _, tt := range []struct {
		name string
		lose func(h *house, name string)
	}{
		{"is taken away", func(h *house, name string) {
			if err := h.fake.Remove(h.ctx, name); err != nil {
				h.t.Fatal(err)
			}
		}},
		{"ended with its engine, which is away for a while", func(h *house, name string) {
			h.fake.SetAway(true)
			h.fake.Kill(name, 255, false)
			h.until("the worker has met the lost engine", func() bool {
				d, err := h.db.Deployment.Query().Only(h.ctx)
				return err == nil && d.Attempt > 0
			})
			h.fake.SetAway(false)
		}},
	} {
		t.Run("one whose container "+tt.name+" is run again", func(t *testing.T) {
			t.Parallel()
			storetest.Each(t, func(t *testing.T, db *store.DB) {
				h := newHouse(t, db)
				p := h.start()
				i := h.service(h.version("v1", nil), h.migrates("--print", "1", "--exit-after", "1s"))
				d := h.request(i, "")
				first := func(l string) bool { return l == "line 1" }
				h.until("it runs", func() bool { return slices.ContainsFunc(p.output(d, logs.Stdout), first) })
				tt.lose(h, h.containers()[0])
				if d = h.completed(d.ID); *d.Conclusion != lifecycle.Succeeded {
					t.Fatalf("it ended as %s: %+v", *d.Conclusion, d.Failure)
				}
				lines := p.output(d, logs.Stdout)
				if n := len(slices.DeleteFunc(lines, func(l string) bool { return !first(l) })); n != 2 {
					t.Errorf("it ran %d times", n)
				}
				if said := p.output(d, logs.System); !slices.ContainsFunc(said, func(l string) bool { return strings.Contains(l, "was lost") }) {
					t.Errorf("Davit says %q", said)
				}
				h.serves(i, "v1")
				h.tidy()
			})
		})
	}

	t.Run("one that is lost each time ends as the platform's fault", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, storetest.SQLite(t))
		h.start()
		i := h.service(h.version("v1", nil), h.migrates("--print", "1"))
		d := h.request(i, "")
		h.until("it ends", func() bool {
			for _, name := range h.containers() {
				if err := h.fake.Remove(h.ctx, name); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := h.db.Exec(h.ctx, "UPDATE deployments SET due_at = 0 WHERE id = ?", d.ID); err != nil { // this test does not wait for it
				t.Fatal(err)
			}
			return h.row(d.ID).Status == lifecycle.Completed
		})
		f := h.row(d.ID).Failure
		if f == nil || f.Code != fault.RunnerAway || f.Domain != fault.Platform || f.Hint == nil || *f.Phase != lifecycle.PhasePreDeploy || !strings.Contains(f.Message, "pre-deploy command was lost") {
			t.Errorf("it ended with %+v", f)
		}
		if d = h.row(d.ID); d.PreDeployContainerID != nil {
			t.Errorf("its command is in %s", *d.PreDeployContainerID)
		}
		h.tidy()
	})

	t.Run("one that was seen to fail does not run again, whoever dies then", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			h := newHouse(t, db)
			r := &removal{Runner: h.fake}
			h.engine, h.rows = r, h.db.Through(r.away)
			p := h.start()
			i := h.service(h.version("v1", nil), h.migrates("--print", "1", "--exit-after", "0s", "--exit-code", "7"))
			d := h.completed(h.request(i, "").ID)
			if f := d.Failure; *d.Conclusion != lifecycle.Failed || f.Code != fault.PreDeployFailed || f.ExitCode == nil || *f.ExitCode != 7 {
				t.Errorf("it ended as %s: %+v", *d.Conclusion, f)
			}
			h.until("the log ends", func() bool { return p.ended(d) })
			lines := p.output(d, logs.Stdout)
			if n := len(slices.DeleteFunc(lines, func(l string) bool { return l != "line 1" })); n != 1 {
				t.Errorf("it ran %d times", n)
			}
			h.tidy()
			h.sound(p)
		})
	})

	t.Run("the next worker waits for the one that runs", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			h := newHouse(t, db)
			p := h.start()
			i := h.service(h.version("v1", nil), h.migrates("--print", "1", "--exit-after", "700ms"))
			d := h.request(i, "")
			h.until("it runs", func() bool { return slices.Contains(p.output(d, logs.Stdout), "line 1") })
			p.stop()
			first := h.row(d.ID).PreDeployContainerID
			p = h.start()
			if d = h.completed(d.ID); *d.Conclusion != lifecycle.Succeeded {
				t.Fatalf("it ended as %s: %+v", *d.Conclusion, d.Failure)
			}
			if *d.PreDeployContainerID != *first {
				t.Error("another container was made")
			}
			lines := p.output(d, logs.Stdout)
			if n := len(slices.DeleteFunc(lines, func(l string) bool { return l != "line 1" })); n != 1 {
				t.Errorf("it ran %d times", n)
			}
			h.serves(i, "v1")
			h.tidy()
		})
	})
}
