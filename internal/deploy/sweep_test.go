package deploy

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/outbox"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

// waits reports whether the net would ring for a row.
func (w *world) waits(task, id string) bool {
	w.t.Helper()
	all := must(w.Waiting(w.ctx))(w.t)
	if len(all) > 0 && must(w.Quiet(w.ctx))(w.t) {
		w.t.Errorf("it is quiet though %v wait", all)
	}
	return slices.Contains(all, Doorbell{task, id})
}

// P7, as far as rows go: what waits is found without any doorbell.
func TestWaiting(t *testing.T) {
	t.Parallel()

	t.Run("a deployment waits whenever nobody has it and it may go on", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			w := newWorld(t, db)
			w.inOrder()
			for _, status := range reached[:5] {
				c := w.at(status)
				if w.waits(TaskRun, c.ID) {
					t.Errorf("%s: it waits though somebody has it", status)
				}
				w.lose("deployments", c.ID)
				if !w.waits(TaskRun, c.ID) {
					t.Errorf("%s: it does not wait", status)
				}
				w.exec("UPDATE deployments SET due_at = {now} + 60000 WHERE id = ?", c.ID)
				if w.waits(TaskRun, c.ID) {
					t.Errorf("%s: it waits before it is due", status)
				}
				behind := w.request()
				if moves := status == lifecycle.Finalizing; w.waits(TaskRun, behind.ID) != moves {
					t.Errorf("%s: that the one behind it waits is %t", status, !moves)
				}
				must(w.Cancel(w.ctx, behind.ID))(t)
				w.exec("UPDATE deployments SET due_at = 0 WHERE id = ?", c.ID)
				c = must(w.Claim(w.ctx, c.ID, "worker"))(t)
				if status != lifecycle.Finalizing {
					w.must(w.Complete(w.ctx, c, lifecycle.Failed, userFailure()))
				}
			}
		})
	})

	t.Run("an instance waits until its convergence has come to an end", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			w := newWorld(t, db)
			w.live()
			id := w.instance.ID
			w.must(w.ReleaseInstance(w.ctx, must(w.ClaimInstance(w.ctx, id, "worker"))(t)))
			if w.waits(TaskConverge, id) {
				t.Error("it waits though nothing changed")
			}
			if !must(w.Quiet(w.ctx))(t) {
				t.Error("it is not quiet though nothing changed")
			}
			w.exec("UPDATE service_instances SET next_run_at = {now} WHERE id = ?", id)
			if must(w.Quiet(w.ctx))(t) {
				t.Error("it is quiet though a run is due")
			}
			w.exec("UPDATE service_instances SET next_run_at = {now} + 60000 WHERE id = ?", id)
			if !must(w.Quiet(w.ctx))(t) {
				t.Error("it is not quiet though no run is due yet")
			}
			must(w.Scale(w.ctx, id, "", 2))(t)
			if !w.waits(TaskConverge, id) {
				t.Error("it does not wait for its second replica")
			}
			must(w.ClaimInstance(w.ctx, id, "worker"))(t)
			if w.waits(TaskConverge, id) {
				t.Error("it waits though somebody has it")
			}
			w.lose("service_instances", id) // the worker died, and had seen what was asked for
			if !w.waits(TaskConverge, id) {
				t.Error("what a dead worker had begun is forgotten")
			}
			must(w.ClaimInstance(w.ctx, id, "another"))(t)
			w.must(w.EndLeases(w.ctx)) // likewise, seen by the next process on the same file
			if !w.waits(TaskConverge, id) {
				t.Error("what a dead process had begun is forgotten")
			}
			work := must(w.ClaimInstance(w.ctx, id, "another"))(t)
			w.must(w.Touch(w.ctx, id))
			w.must(w.ReleaseInstance(w.ctx, work))
			if !w.waits(TaskConverge, id) {
				t.Error("what was asked for meanwhile is forgotten")
			}
			work = must(w.ClaimInstance(w.ctx, id, "another"))(t)
			r := must(w.AddReplica(w.ctx, work.Fence(), work.Active, "", 0))(t)
			due := must(w.DB.NowMillis(w.ctx))(t)
			w.must(w.SetReplica(w.ctx, work.Fence(), r, func(u *ent.ReplicaUpdate) { u.SetStatus(lifecycle.ReplicaCrashed).SetDueAt(due) }))
			w.must(w.ReleaseInstance(w.ctx, work))
			if !w.waits(TaskConverge, id) {
				t.Error("the replica that is due is forgotten")
			}
		})
	})

	t.Run("an operation waits until it has ended", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			w := newWorld(t, db)
			w.live()
			id := must(w.Stop(w.ctx, w.instance.ID))(t).ID
			if !w.waits(TaskOperate, id) {
				t.Error("it does not wait")
			}
			job := must(w.ClaimOperation(w.ctx, id, "worker"))(t)
			if w.waits(TaskOperate, id) {
				t.Error("it waits though somebody has it")
			}
			w.must(w.PauseOperation(w.ctx, job, 0.5, "Half way.", time.Minute))
			if w.waits(TaskOperate, id) {
				t.Error("it waits before it is due")
			}
			if ids := must(w.WakeOperations(w.ctx, w.instance.ID))(t); !slices.Equal(ids, []string{id}) || !w.waits(TaskOperate, id) {
				t.Errorf("woken: %v", ids)
			}
			job = must(w.ClaimOperation(w.ctx, id, "worker"))(t)
			w.must(w.FinishOperation(w.ctx, job, nil))
			w.lose("operations", id)
			if w.waits(TaskOperate, id) {
				t.Error("it waits though it has ended")
			}
		})
	})
}

func TestRelay(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		w.inOrder()
		var want []string
		for range relayBatch + 5 { // more than one batch
			want = append(want, w.request().ID)
		}
		var rung []string
		broken := errors.New("the queue is away")
		n, err := w.Relay(w.ctx, func(_ context.Context, _, id string) error {
			if len(rung) == 3 {
				return broken
			}
			rung = append(rung, id)
			return nil
		})
		if n != 3 || !errors.Is(err, broken) {
			t.Errorf("%d rung, %v", n, err)
		}
		ctx, die := context.WithCancel(w.ctx)
		_, err = w.Relay(ctx, func(_ context.Context, _, id string) error {
			rung = append(rung, id)
			die() // after it rang, before it forgets
			return nil
		})
		if err == nil {
			t.Error("it forgot though it died")
		}
		if again := must(w.DB.Outbox.Query().Where(outbox.TargetID(rung[3])).Count(w.ctx))(t); again != 1 {
			t.Fatalf("what was rung while dying is kept %d times", again)
		}
		rung = rung[:3]
		must(w.Relay(w.ctx, func(_ context.Context, task, id string) error {
			if task != TaskRun {
				t.Errorf("rings for %s", task)
			}
			rung = append(rung, id)
			return nil
		}))(t)
		if !slices.Equal(rung, want) {
			t.Errorf("%d were rung, want %d in their order", len(rung), len(want))
		}
		if left := must(w.DB.Outbox.Query().Count(w.ctx))(t); left != 0 {
			t.Errorf("%d are left", left)
		}
	})
}

func TestLead(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		var leads atomic.Int64
		var leader atomic.Value
		var wg sync.WaitGroup
		for _, owner := range []string{"a", "b", "c", "d"} {
			wg.Go(func() {
				ok, err := w.Lead(w.ctx, "all", owner)
				if err != nil {
					t.Error(err)
				}
				if ok {
					leads.Add(1)
					leader.Store(owner)
				}
			})
		}
		wg.Wait()
		if leads.Load() != 1 {
			t.Fatalf("%d lead", leads.Load())
		}
		is := func(owner string, want bool) {
			t.Helper()
			if got := must(w.Lead(w.ctx, "all", owner))(t); got != want {
				t.Errorf("%s leads: %t", owner, got)
			}
		}
		first := leader.Load().(string)
		is(first, true)
		is("other", false)
		w.must(w.Resign(w.ctx, "all", "other")) // who does not lead has nothing to resign
		is("other", false)
		w.must(w.Resign(w.ctx, "all", first))
		is("other", true)
		is(first, false)
		w.lose("leases", "all")
		is(first, true)
		if epochs := must(db.Int64s(w.ctx, "SELECT epoch FROM leases"))(t); len(epochs) != 1 || epochs[0] != 3 {
			t.Errorf("epochs %v, want one more for each new leader", epochs)
		}
	})
}
