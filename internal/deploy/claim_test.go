package deploy

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/build"
	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/ent/replica"
	"github.com/davitdev/davit/ent/serviceinstance"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

func TestClaim(t *testing.T) {
	t.Parallel()

	t.Run("of those who claim at once exactly one wins, again and again", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			w := newWorld(t, db)
			d := w.request()
			for round := range 5 {
				var won [8]*Claim
				var wg sync.WaitGroup
				for i := range won {
					wg.Go(func() {
						c, err := w.Claim(w.ctx, d.ID, fmt.Sprintf("worker %d", i))
						if err != nil && !errors.Is(err, ErrNotNow) {
							t.Error(err)
						}
						won[i] = c
					})
				}
				wg.Wait()
				n := 0
				for _, c := range won {
					if c == nil {
						continue
					}
					n++
					if c.Epoch != int64(round+1) || c.Row.Epoch != c.Epoch {
						t.Errorf("round %d: epoch %d, row %d", round, c.Epoch, c.Row.Epoch)
					}
				}
				if n != 1 {
					t.Fatalf("round %d: %d won", round, n)
				}
				w.lose(deployment.Table, d.ID)
			}
		})
	})

	t.Run("a lease lasts its time on the database's clock, and is its owner's", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			w := newWorld(t, db)
			before := must(w.DB.NowMillis(w.ctx))(t)
			first := w.claimed()
			after := must(w.DB.NowMillis(w.ctx))(t)
			if until := first.Row.LeaseUntil - Lease.Milliseconds(); until < before || until > after {
				t.Errorf("the lease ends %d ms off", until-before)
			}
			_, err := w.Claim(w.ctx, first.ID, "another")
			wantError(t, "another's claim", err, ErrNotNow)
			again := must(w.Claim(w.ctx, first.ID, "worker"))(t)
			if again.Epoch != first.Epoch+1 {
				t.Errorf("the same owner's second claim has epoch %d after %d", again.Epoch, first.Epoch)
			}
			w.must(w.Release(w.ctx, again))
			other := must(w.Claim(w.ctx, first.ID, "another"))(t)
			w.exec("UPDATE deployments SET lease_until = {now} + 50 WHERE id = ?", other.ID)
			must(w.Renew(w.ctx, other))(t)
			if left := w.row(other.ID).LeaseUntil - must(w.DB.NowMillis(w.ctx))(t); left < Lease.Milliseconds()-5000 {
				t.Errorf("renewed, it lasts %d ms", left)
			}
		})
	})

	t.Run("what is not due or has ended is nobody's", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			w := newWorld(t, db)
			d := w.request()
			w.exec("UPDATE deployments SET due_at = {now} + 60000 WHERE id = ?", d.ID)
			_, err := w.Claim(w.ctx, d.ID, "worker")
			wantError(t, "not due", err, ErrNotNow)
			_, err = w.Claim(w.ctx, w.at(lifecycle.Completed).ID, "worker")
			wantError(t, "ended", err, ErrNotNow)
			_, err = w.Claim(w.ctx, "dep_nonsense", "worker")
			wantError(t, "no such deployment", err, ErrNotNow)
		})
	})
}

// P8: whatever a worker that was overtaken still writes, at whatever point,
// fails with ErrOvertaken and changes nothing.
func TestAStaleClaimWritesNothing(t *testing.T) {
	t.Parallel()

	image := &spec.ImageRef{ID: "sha256:stale"}
	retryable := lifecycle.Explain(fault.New(fault.RunnerAway, "The engine is away."), lifecycle.PhaseStart)
	writes := map[string]func(w *world, c *Claim, r *ent.Replica) error{
		"Renew":      func(w *world, c *Claim, _ *ent.Replica) error { _, err := w.Renew(w.ctx, c); return err },
		"Begin":      func(w *world, c *Claim, _ *ent.Replica) error { return w.Begin(w.ctx, c, time.Hour) },
		"BeginPhase": func(w *world, c *Claim, _ *ent.Replica) error { return w.BeginPhase(w.ctx, c, lifecycle.PhaseStart, 1) },
		"EndPhase":   func(w *world, c *Claim, _ *ent.Replica) error { return w.EndPhase(w.ctx, c, lifecycle.PhaseQueue, "") },
		"Advance": func(w *world, c *Claim, _ *ent.Replica) error {
			return w.Advance(w.ctx, c, c.Row.Status, func(u *ent.DeploymentUpdate) { u.SetImage(image) })
		},
		"BeginBuild": func(w *world, c *Claim, _ *ent.Replica) error { return w.BeginBuild(w.ctx, c, spec.Dockerfile, "") },
		"SetBuildSteps": func(w *world, c *Claim, _ *ent.Replica) error {
			return w.SetBuildSteps(w.ctx, c, []lifecycle.BuildStep{{ID: "1", Name: "stale"}})
		},
		"EndBuild": func(w *world, c *Claim, _ *ent.Replica) error { return w.EndBuild(w.ctx, c, "stale") },
		"Switch":   func(w *world, c *Claim, _ *ent.Replica) error { return w.Switch(w.ctx, c) },
		"Retry": func(w *world, c *Claim, _ *ent.Replica) error {
			_, err := w.Retry(w.ctx, c, retryable)
			return err
		},
		"Complete": func(w *world, c *Claim, _ *ent.Replica) error {
			if c.Row.Status.CanConclude(lifecycle.Succeeded) {
				return w.Complete(w.ctx, c, lifecycle.Succeeded, nil)
			}
			return w.Complete(w.ctx, c, lifecycle.Failed, userFailure())
		},
		"AddReplica": func(w *world, c *Claim, _ *ent.Replica) error {
			_, err := w.AddReplica(w.ctx, c.Fence(), c.Row, "", 1)
			return err
		},
		"SetReplica": func(w *world, c *Claim, r *ent.Replica) error {
			return w.SetReplica(w.ctx, c.Fence(), r, func(u *ent.ReplicaUpdate) { u.SetAddr("127.0.0.1:1").SetStatus(lifecycle.ReplicaRunning) })
		},
		"Release": func(w *world, c *Claim, _ *ent.Replica) error { // it has nothing to fail for
			return errors.Join(w.Release(w.ctx, c), ErrOvertaken)
		},
	}
	for _, status := range reached {
		if status == lifecycle.Completed {
			continue
		}
		t.Run("one that is "+string(status), func(t *testing.T) {
			t.Parallel()
			storetest.Each(t, func(t *testing.T, db *store.DB) {
				w := newWorld(t, db)
				served := w.live()
				stale := w.at(status)
				r := must(w.AddReplica(w.ctx, stale.Fence(), stale.Row, "", 0))(t)
				w.lose(deployment.Table, stale.ID)
				must(w.Claim(w.ctx, stale.ID, "another"))(t)
				before := w.everything()
				for name, write := range writes {
					mine, its := *stale, *r
					row := *stale.Row
					mine.Row = &row
					err := write(w, &mine, &its)
					if illegal(name, status) && err != nil { // refused before it is tried
						continue
					}
					wantError(t, name, err, ErrOvertaken)
				}
				if diff := cmp.Diff(before, w.everything()); diff != "" {
					t.Errorf("something changed (-before +after)\n%s", diff)
				}
				if status != lifecycle.Finalizing && !w.row(served.ID).IsActive {
					t.Error("what serves was taken off")
				}
			})
		})
	}
}

// illegal reports whether a worker would not call a method at a status, so that
// whose claim it is does not matter.
func illegal(method string, s lifecycle.Status) bool {
	return method == "BeginBuild" && s != lifecycle.Preparing || method == "Begin" && s != lifecycle.Queued
}

// everything is every row a worker writes, as JSON.
func (w *world) everything() string {
	w.t.Helper()
	text, err := json.MarshalIndent(map[string]any{
		"deployments": must(w.DB.Deployment.Query().Order(deployment.ByID()).All(w.ctx))(w.t),
		"builds":      must(w.DB.Build.Query().Order(build.ByID()).All(w.ctx))(w.t),
		"replicas":    must(w.DB.Replica.Query().Order(replica.ByID()).All(w.ctx))(w.t),
		"instances":   must(w.DB.ServiceInstance.Query().Order(serviceinstance.ByID()).All(w.ctx))(w.t),
		"outbox":      must(w.DB.Outbox.Query().Count(w.ctx))(w.t),
		"events":      must(w.DB.Event.Query().Count(w.ctx))(w.t),
		"routes":      must(w.DB.Int64s(w.ctx, "SELECT route_version FROM installations"))(w.t),
	}, "", " ")
	w.must(err)
	return string(text)
}

// The same for whoever converges an instance.
func TestAStaleWorkWritesNothing(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		w.live()
		stale := must(w.ClaimInstance(w.ctx, w.instance.ID, "worker"))(t)
		r := must(w.AddReplica(w.ctx, stale.Fence(), stale.Active, "", 0))(t)
		_, err := w.ClaimInstance(w.ctx, w.instance.ID, "another")
		wantError(t, "a second claim", err, ErrNotNow)
		w.lose("service_instances", w.instance.ID)
		now := must(w.ClaimInstance(w.ctx, w.instance.ID, "another"))(t)
		_, err = w.AddReplica(w.ctx, stale.Fence(), stale.Active, "", 0)
		wantError(t, "AddReplica", err, ErrOvertaken)
		err = w.SetReplica(w.ctx, stale.Fence(), r, func(u *ent.ReplicaUpdate) { u.SetStatus(lifecycle.ReplicaDraining) })
		wantError(t, "SetReplica", err, ErrOvertaken)
		w.must(w.ReleaseInstance(w.ctx, stale))
		_, err = w.ClaimInstance(w.ctx, w.instance.ID, "worker")
		wantError(t, "after a stale release", err, ErrNotNow)

		must(w.Stop(w.ctx, w.instance.ID))(t)
		_, err = w.AddReplica(w.ctx, now.Fence(), now.Active, "", 0)
		wantError(t, "AddReplica once it is stopped", err, ErrOvertaken)
	})
}
