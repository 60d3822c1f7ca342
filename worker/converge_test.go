package worker

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/logs"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
	"github.com/davitdev/davit/runner"
)

func TestConverge(t *testing.T) {
	t.Parallel()

	t.Run("what was never started is found though nothing was changed and nobody rang", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			h := newHouse(t, db)
			h.start()
			i := h.service(h.version("v1", nil), nil)
			h.deploy(i, "")
			h.running(i, 1)
			if _, err := db.Exec(h.ctx, "UPDATE service_instances SET replica_count = 3 WHERE id = ?", i.ID); err != nil {
				t.Fatal(err)
			}
			h.running(i, 3)
		})
	})

	t.Run("replicas come and go with the scale, and a restart replaces them without a failed request", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			h := newHouse(t, db)
			h.start()
			i := h.service(h.version("v1", nil), nil)
			h.deploy(i, "")
			stop := h.hammer(i)
			h.scale(i, 3)
			before := h.running(i, 3)
			op, err := h.verbs.Restart(h.ctx, i.ID, "")
			if err != nil {
				t.Fatal(err)
			}
			h.done(op.ID)
			after := h.running(i, 3)
			for n := range after {
				if after[n].ID == before[n].ID || after[n].Slot != before[n].Slot {
					t.Errorf("slot %d has replica %s, had %s", after[n].Slot, after[n].ID, before[n].ID)
				}
			}
			h.scale(i, 1)
			h.running(i, 1)
			stop()
			h.tidy()
		})
	})

	t.Run("a stopped service has no container, and starts again", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, storetest.SQLite(t))
		h.start()
		i := h.service(h.version("v1", nil), nil)
		h.deploy(i, "")
		op, err := h.verbs.Stop(h.ctx, i.ID)
		if err != nil {
			t.Fatal(err)
		}
		h.done(op.ID)
		if left := h.containers(); len(left) != 0 {
			t.Errorf("%q are left", left)
		}
		if op, err = h.verbs.Start(h.ctx, i.ID); err != nil {
			t.Fatal(err)
		}
		h.done(op.ID)
		h.running(i, 1)
		h.until("it answers", func() bool { status, _ := h.get(h.host(i), "/"); return status == 200 })
	})

	t.Run("a killed replica is back within five seconds", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			h := newHouse(t, db)
			p := h.start()
			i := h.service(h.version("v1", nil), nil)
			d := h.deploy(i, "")
			r := h.running(i, 1)[0]
			h.fake.Kill(r.ContainerName, 137, true)
			h.within(5*time.Second, "it is back", func() bool {
				now := h.live(i)[0]
				return now.Status == lifecycle.ReplicaRunning && now.Restarts == 1 && now.Health == lifecycle.HealthHealthy
			})
			now := h.running(i, 1)[0]
			if now.ID != r.ID || !now.OomKilled || now.LastExitCode == nil || *now.LastExitCode != 137 {
				t.Errorf("got %+v", now)
			}
			if said := strings.Join(p.output(d, logs.System), "\n"); !strings.Contains(said, "was killed: it ran out of memory") {
				t.Errorf("the log says %s", said)
			}
			h.until("it answers", func() bool { status, _ := h.get(h.host(i), "/"); return status == 200 })
		})
	})

	t.Run("one that dies again and again waits longer and longer", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, storetest.SQLite(t))
		h.start()
		i := h.service(h.version("v1", nil), nil)
		h.deploy(i, "")
		for n := range 2 {
			r := h.running(i, 1)[0]
			h.fake.Kill(r.ContainerName, 1, false)
			h.until("the end is noticed", func() bool { return h.live(i)[0].Failures == n+1 })
		}
		h.until("it waits", func() bool { r := h.live(i)[0]; return r.Status == lifecycle.ReplicaCrashed && r.DueAt > 0 })
		h.until("it is back", func() bool { r := h.live(i)[0]; return r.Status == lifecycle.ReplicaRunning && r.Restarts == 2 })
	})

	for _, tt := range []struct {
		policy  spec.RestartPolicy
		retries int
		code    int
		back    bool
	}{
		{spec.RestartAlways, 0, 0, true},
		{spec.RestartOnFailure, 0, 1, true},
		{spec.RestartOnFailure, 0, 0, false},
		{spec.RestartNever, 0, 1, false},
	} {
		t.Run("restart policy "+string(tt.policy)+" after exit code "+strconv.Itoa(tt.code), func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, storetest.SQLite(t))
			h.start()
			i := h.service(h.version("v1", nil), func(s *project.NewService) {
				s.Settings.RestartPolicy, s.Settings.RestartMaxRetries = tt.policy, tt.retries
			})
			h.deploy(i, "")
			r := h.running(i, 1)[0]
			h.fake.Kill(r.ContainerName, tt.code, false)
			want := lifecycle.ReplicaExited
			if tt.back {
				want = lifecycle.ReplicaRunning
			}
			h.until("it is "+string(want), func() bool { now := h.live(i)[0]; return now.Failures == 1 && now.Status == want })
		})
	}

	t.Run("a container removed behind our back is made anew, and its output is recorded from the beginning", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, storetest.SQLite(t))
		p := h.start()
		i := h.service(h.version("v1", nil), nil)
		d := h.deploy(i, "")
		r := h.running(i, 1)[0]
		had := len(p.output(d, "STDOUT"))
		if had == 0 {
			t.Fatal("it printed nothing")
		}
		if err := h.fake.Remove(h.ctx, r.ContainerName); err != nil {
			t.Fatal(err)
		}
		h.within(5*time.Second, "it is back", func() bool {
			now := h.live(i)
			return len(now) == 1 && now[0].ID != r.ID && now[0].Status == lifecycle.ReplicaRunning
		})
		h.until("what the new one prints is recorded", func() bool { return len(p.output(d, "STDOUT")) == 2*had })
		p.stop()
		p = h.start() // reads the engine's copy from its position on
		h.running(i, 1)
		h.until("it answers", func() bool { status, _ := h.get(h.host(i), "/log?n=3"); return status == 200 })
		h.until("more is recorded", func() bool { return len(p.output(d, "STDOUT")) >= 2*had+3 })
		if n := len(p.output(d, "STDOUT")); n != 2*had+3 {
			t.Errorf("%d lines, want %d", n, 2*had+3)
		}
	})

	t.Run("one that is removed while it is started again is recorded from the beginning too", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, storetest.SQLite(t))
		engine := &vanishing{Runner: h.fake}
		h.engine = engine
		p := h.start()
		i := h.service(h.version("v1", nil), nil)
		d := h.deploy(i, "")
		had := len(p.output(d, "STDOUT"))
		if had == 0 {
			t.Fatal("it printed nothing")
		}
		engine.armed.Store(true)
		h.fake.Kill(h.running(i, 1)[0].ContainerName, 137, false)
		h.until("it was removed and made anew", func() bool { return !engine.armed.Load() })
		h.running(i, 1)
		h.until("what the new one prints is recorded", func() bool { return len(p.output(d, "STDOUT")) == 2*had })
		h.until("it answers", func() bool { status, _ := h.get(h.host(i), "/"); return status == 200 })
		p.stop()
		if status, body := h.get(h.host(i), "/log?n=3"); status != 200 {
			t.Fatalf("it answers %d %s", status, body)
		}
		p = h.start() // reads the engine's copy from its position on
		h.until("what it printed meanwhile is recorded", func() bool { return len(p.output(d, "STDOUT")) == 2*had+3 })
	})

	t.Run("a worker service without a port starts once and stays", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, storetest.SQLite(t))
		h.start()
		i := h.service(h.version("v1", nil), func(s *project.NewService) { s.Kind, s.Settings = spec.Kind("WORKER"), spec.Settings{} })
		h.deploy(i, "")
		r := h.running(i, 1)[0]
		if err := h.verbs.Touch(h.ctx, i.ID); err != nil {
			t.Fatal(err)
		}
		h.until("the instance was looked at", func() bool { return !h.instance(i).Dirty && h.instance(i).LeaseUntil == 0 })
		if now := h.live(i)[0]; now.Status != lifecycle.ReplicaRunning || !now.StartedAt.Equal(*r.StartedAt) || !now.UpdatedAt.Equal(r.UpdatedAt) {
			t.Errorf("it was written again: %+v", now)
		}
	})
}

// vanishing is an engine in which somebody removes a container, once, right
// before it is made or found by its name.
type vanishing struct {
	runner.Runner
	armed atomic.Bool
}

func (v *vanishing) Create(ctx context.Context, s runner.Spec) (runner.Container, error) {
	if v.armed.CompareAndSwap(true, false) {
		if err := v.Remove(ctx, s.Name); err != nil {
			return runner.Container{}, err
		}
	}
	return v.Runner.Create(ctx, s)
}

func TestReconcile(t *testing.T) {
	t.Parallel()

	t.Run("a container of ours without a row goes, one of another installation stays", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, storetest.SQLite(t))
		h.start()
		i := h.service(h.version("v1", nil), nil)
		d := h.deploy(i, "")
		other := h.fake.As("another")
		for name, engine := range map[string]runner.Runner{"davit-rep-orphan": h.fake, "davit-rep-foreign": other} {
			network, err := engine.EnsureNetwork(h.ctx, "net-"+name)
			if err != nil {
				t.Fatal(err)
			}
			_, err = engine.Create(h.ctx, runner.Spec{Name: name, ReplicaID: "rep_x", Image: d.Image.ID, Network: network.Name})
			if err != nil {
				t.Fatal(err)
			}
		}
		h.tidy()
		if list, err := other.List(h.ctx); err != nil || len(list) != 1 {
			t.Errorf("the other installation has %v, %v", list, err)
		}
		h.serves(i, "v1")
	})

	t.Run("an engine that was away is caught up with", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, storetest.SQLite(t))
		h.start()
		i := h.service(h.version("v1", nil), nil)
		h.deploy(i, "")
		r := h.running(i, 1)[0]
		h.fake.SetAway(true)
		h.fake.Kill(r.ContainerName, 1, false)
		second := h.request(i, h.version("v2", nil))
		h.until("the deployment has met the lost engine", func() bool { return h.row(second.ID).Attempt > 0 })
		h.fake.SetAway(false)
		if d := h.completed(second.ID); *d.Conclusion != lifecycle.Succeeded {
			t.Fatalf("it ended as %s: %+v", *d.Conclusion, d.Failure)
		}
		h.serves(i, "v2")
		h.running(i, 1)
		h.tidy()
	})

	t.Run("a replica that serves and lost its address in the rows gets it back", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			h := newHouse(t, db)
			h.start()
			i := h.service(h.version("v1", nil), nil)
			h.deploy(i, "")
			r := h.running(i, 1)[0]
			if _, err := db.Exec(h.ctx, "UPDATE replicas SET addr = NULL WHERE id = ?", r.ID); err != nil {
				t.Fatal(err)
			}
			h.within(2*passEvery, "it has its address again", func() bool {
				now := h.running(i, 1)[0]
				return now.ID == r.ID && now.Addr != nil && *now.Addr == *r.Addr
			})
			h.until("it serves again", func() bool { status, _ := h.get(h.host(i), "/"); return status == http.StatusOK })
		})
	})
}

// together is an engine that starts containers only once so many are waiting to
// be started.
type together struct {
	runner.Runner

	n       int
	waiting atomic.Int64
	all     chan struct{}
	started sync.Map // names
}

func (e *together) Start(ctx context.Context, name string) error {
	if e.waiting.Add(1) == int64(e.n) {
		close(e.all)
	}
	select {
	case <-e.all:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	e.started.Store(name, true)
	return e.Runner.Start(ctx, name)
}

// What an engine took with it starts side by side, each by itself: one that is
// slow keeps nobody from the others. A restart that is under way replaces it, and
// does not wait for its turn.
func TestReplicasThatEndedStartSideBySide(t *testing.T) {
	t.Parallel()

	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprintf("restart=%t", restart), func(t *testing.T) {
			t.Parallel()
			storetest.Each(t, func(t *testing.T, db *store.DB) {
				h := newHouse(t, db)
				p := h.start()
				i := h.service(h.version("v1", nil), nil)
				h.deploy(i, "")
				h.scale(i, 3)
				before := h.running(i, 3)
				p.stop()
				if restart {
					if _, err := h.verbs.Restart(h.ctx, i.ID, ""); err != nil {
						t.Fatal(err)
					}
				}
				for _, r := range before {
					h.fake.Kill(r.ContainerName, 137, false)
				}
				engine := &together{Runner: h.fake, n: 3, all: make(chan struct{})}
				h.engine = engine
				h.start()
				h.until("they serve again", func() bool {
					rows := h.live(i)
					return len(rows) == 3 && !slices.ContainsFunc(rows, func(r *ent.Replica) bool {
						return r.Health != lifecycle.HealthHealthy || (r.Generation > before[0].Generation) != restart || (r.Restarts > 0) == restart
					})
				})
				for _, r := range before {
					if _, again := engine.started.Load(r.ContainerName); again == restart {
						t.Errorf("%s was started again: %t", r.ID, again)
					}
				}
				h.tidy()
			})
		})
	}
}
