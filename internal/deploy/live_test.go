package deploy

import (
	"testing"

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
