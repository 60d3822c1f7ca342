package deploy

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	entgo "entgo.io/ent"
	"github.com/google/go-cmp/cmp"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

// A replica was healthy and ended with its engine, which gave its address to
// another one: what serves must not be replaced by it.
func TestWhatIsNotWellAnyMoreDoesNotGoLive(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		served := w.live()
		c, web := w.at(lifecycle.Deploying), w.instance
		r := must(w.AddReplica(w.ctx, c.Fence(), c.Row, "", 0))(t)
		set := func(change func(*ent.ReplicaUpdate)) {
			t.Helper()
			w.must(w.SetReplica(w.ctx, c.Fence(), r, change))
		}
		refused := func() {
			t.Helper()
			wantFault(t, "Switch", w.Switch(w.ctx, c), fault.Unavailable)
			if !w.row(served.ID).IsActive || w.row(c.ID).Status != lifecycle.Deploying || c.Row.Status != lifecycle.Deploying {
				t.Errorf("it is %s, and what served is active: %t", w.row(c.ID).Status, w.row(served.ID).IsActive)
			}
		}
		set(func(u *ent.ReplicaUpdate) {
			u.SetStatus(lifecycle.ReplicaRunning).SetHealth(lifecycle.HealthHealthy).SetAddr("127.0.0.1:9000")
		})
		w.instance = w.service("api", spec.Source{Image: &spec.ImageSource{Image: "registry.test/api:v1"}})
		w.live()
		w.serve(1)
		refused()
		set(func(u *ent.ReplicaUpdate) { u.SetAddr("127.0.0.1:9001").SetHealth(lifecycle.HealthUnhealthy) })
		refused()
		set(func(u *ent.ReplicaUpdate) { u.SetHealth(lifecycle.HealthHealthy) })
		w.must(w.Switch(w.ctx, c))
		for _, route := range must(w.Routes(w.ctx))(t).List {
			if want := []Target{{r.ID, "127.0.0.1:9001"}}; route.InstanceID == web.ID && !cmp.Equal(route.Targets, want) {
				t.Errorf("requests go to %v", route.Targets)
			}
		}
	})
}

// start is what a worker does of a deployment before the switch: so many replicas
// of it are well.
func (w *world) start(c *Claim, n int) {
	w.t.Helper()
	for slot := range n {
		r := must(w.AddReplica(w.ctx, c.Fence(), c.Row, "", slot))(w.t)
		w.must(w.SetReplica(w.ctx, c.Fence(), r, func(u *ent.ReplicaUpdate) {
			u.SetStatus(lifecycle.ReplicaRunning).SetHealth(lifecycle.HealthHealthy).SetAddr(fmt.Sprintf("127.0.0.1:%d", 9100+slot))
		}))
	}
}

// Who scales while a deployment starts gets what was asked for, though the
// deployment knew nothing of it.
func TestWhatIsScaledWhileItStartsIsMadeWhole(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		short := func() bool { return slices.Contains(must(w.Short(w.ctx))(t), w.instance.ID) }
		id := w.instance.ID
		c := w.at(lifecycle.Deploying)
		w.start(c, 1)
		must(w.Scale(w.ctx, id, "", 3))(t)
		w.must(w.ReleaseInstance(w.ctx, must(w.ClaimInstance(w.ctx, id, "worker"))(t))) // finds nothing to do: nothing serves
		w.must(w.Switch(w.ctx, c))
		if !w.waits(TaskConverge, id) || !short() {
			t.Errorf("one of three runs, and nobody is to look after it (%t), and it is not found (%t)", w.waits(TaskConverge, id), short())
		}

		must(w.Scale(w.ctx, id, "", 1))(t)
		w.must(w.ReleaseInstance(w.ctx, must(w.ClaimInstance(w.ctx, id, "worker"))(t)))
		w.must(w.Complete(w.ctx, c, lifecycle.Succeeded, nil))
		c = w.at(lifecycle.Deploying)
		w.start(c, 1)
		w.must(w.Switch(w.ctx, c))
		if w.waits(TaskConverge, id) || short() {
			t.Error("it waits though all that is wanted runs")
		}
		must(w.Scale(w.ctx, id, "", 2))(t)
		if !short() {
			t.Error("one that is missing is not found")
		}
		must(w.Stop(w.ctx, id))(t)
		if short() {
			t.Error("of one that is stopped something is missing")
		}
	})
}

// What runs is looked at at one moment: a switch in the middle would show
// replicas that serve, and nobody they belong to.
func TestAnInstanceIsSeenAsItIsAtOneMoment(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		c := w.at(lifecycle.Deploying)
		w.start(c, 1)
		var looked atomic.Bool
		db.Deployment.Intercept(entgo.InterceptFunc(func(next entgo.Querier) entgo.Querier {
			return entgo.QuerierFunc(func(ctx context.Context, q entgo.Query) (entgo.Value, error) {
				rows, err := next.Query(ctx, q)
				if !looked.Swap(true) { // who serves is known, what runs is not
					soon, cancel := context.WithTimeout(w.ctx, 300*time.Millisecond)
					defer cancel()
					if err := w.Switch(soon, c); err == nil { //nolint:contextcheck // not the query's
						t.Error("a switch is not kept out")
					}
				}
				return rows, err
			})
		}))
		work := must(w.ClaimInstance(w.ctx, w.instance.ID, "worker"))(t)
		if !looked.Load() || work.Active != nil || len(work.Replicas) != 1 || work.Replicas[0].Edges.Deployment.IsActive {
			t.Errorf("%v serves, and there are %v", work.Active, work.Replicas)
		}
		w.must(w.Switch(w.ctx, c))
	})
}

// A commit whose answer is lost has happened: what it made live is no failure,
// at the last attempt either.
func TestASwitchWhoseAnswerIsLostGoesOn(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		c := w.at(lifecycle.Deploying)
		w.start(c, 1)
		before := c.Row.Status
		w.must(w.Switch(w.ctx, c))
		c.Row.Status, c.Row.Attempt = before, MaxAttempts-1
		for _, failure := range []*lifecycle.Failure{lifecycle.Explain(fault.New(fault.RunnerAway, "The engine is away."), lifecycle.PhaseSwitchTraffic), userFailure()} {
			if retried := must(w.Retry(w.ctx, c, failure))(t); !retried {
				t.Errorf("%s ends what is live", failure.Code)
			}
		}
		if d := w.row(c.ID); d.Status != lifecycle.Finalizing || d.Attempt != 0 || !w.waits(TaskRun, c.ID) {
			t.Errorf("it is %s, with %d attempts, and waits: %t", d.Status, d.Attempt, w.waits(TaskRun, c.ID))
		}
	})
}

// The engine compares the epochs of containers, which the claims of a deployment
// and those of its instance count apart.
func TestOnlyADeploymentsEpochIsForTheEngine(t *testing.T) {
	t.Parallel()

	w := newWorld(t, storetest.SQLite(t))
	c := w.at(lifecycle.Finalizing)
	if e := c.Fence().Epoch(); e != c.Epoch {
		t.Errorf("a deployment's is %d, want %d", e, c.Epoch)
	}
	if e := must(w.ClaimInstance(w.ctx, w.instance.ID, "worker"))(t).Fence().Epoch(); e != 0 {
		t.Errorf("an instance's is %d", e)
	}
}
