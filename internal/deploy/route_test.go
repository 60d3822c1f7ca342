package deploy

import (
	"context"
	"sync"
	"testing"

	entgo "entgo.io/ent"
	"github.com/google/go-cmp/cmp"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

func TestRoutesOfWhatIsRemovedWhileTheyAreReadAreLeftOut(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		w.live()
		if len(must(w.Routes(w.ctx))(t).List) == 0 {
			t.Fatal("there is no route")
		}
		var once sync.Once
		db.Domain.Intercept(entgo.InterceptFunc(func(next entgo.Querier) entgo.Querier {
			return entgo.QuerierFunc(func(ctx context.Context, q entgo.Query) (entgo.Value, error) {
				once.Do(func() { // after the routes were read, before their domains are
					w.exec("DELETE FROM routes")
					w.exec("DELETE FROM domains")
				})
				return next.Query(ctx, q)
			})
		}))
		if left := must(w.Routes(w.ctx))(t).List; len(left) != 0 {
			t.Errorf("routes without a host: %+v", left)
		}
	})
}

// An engine that died and returned gives its addresses anew, and does it before
// all who had them are known to have ended.
func TestAnAddressIsOfTheOneWhoGotItLast(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		w.live()
		before := w.serve(2)
		web := w.instance
		version := must(w.Routes(w.ctx))(t).Version
		w.instance = w.service("api", spec.Source{Image: &spec.ImageSource{Image: "registry.test/api:v1"}})
		w.live()
		now := w.serve(1) // at the first of the addresses
		routes := must(w.Routes(w.ctx))(t)
		if routes.Version <= version {
			t.Errorf("the table has version %d, as before", routes.Version)
		}
		targets := map[string][]string{}
		for _, r := range routes.List {
			for _, to := range r.Targets {
				targets[r.InstanceID] = append(targets[r.InstanceID], to.ReplicaID)
			}
		}
		want := map[string][]string{web.ID: {before[1].ID}, w.instance.ID: {now[0].ID}}
		if diff := cmp.Diff(want, targets); diff != "" {
			t.Errorf("requests go to (-want +got):\n%s", diff)
		}
		for _, name := range routes.Names {
			if len(name.Addrs) != 1 {
				t.Errorf("the name %s has the addresses %q", name.Name, name.Addrs)
			}
		}
		if row := must(db.Replica.Get(w.ctx, before[0].ID))(t); row.Addr != nil || row.Status != lifecycle.ReplicaRunning {
			t.Errorf("who had the address before is %s at %v", row.Status, row.Addr)
		}
	})
}

// The names of an environment lead to addresses without a port, and an engine
// gives each container one of its own; what runs on the host shares one.
func TestAnAddressIsTakenWhateverThePort(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		for _, c := range []struct {
			before, now string
			taken       bool
		}{
			{"10.66.0.5:3000", "10.66.0.5:8080", true},
			{"[fd00::5]:3000", "[fd00::5]:8080", true},
			{"10.66.0.50:3000", "10.66.0.5:3000", false},
			{"127.0.0.1:3000", "127.0.0.1:8080", false},
			{"127.0.0.1:3001", "127.0.0.1:3001", true},
		} {
			w.live()
			rows := w.serve(2)
			work := must(w.ClaimInstance(w.ctx, w.instance.ID, "worker"))(t)
			for n, addr := range []string{c.before, c.now} {
				w.must(w.SetReplica(w.ctx, work.Fence(), rows[n], func(u *ent.ReplicaUpdate) { u.SetAddr(addr) }))
			}
			w.must(w.ReleaseInstance(w.ctx, work))
			if addr := must(db.Replica.Get(w.ctx, rows[0].ID))(t).Addr; (addr == nil) != c.taken {
				t.Errorf("%s is taken by %s: %t, want %t", c.before, c.now, addr == nil, c.taken)
			}
			if addr := must(db.Replica.Get(w.ctx, rows[1].ID))(t).Addr; addr == nil || *addr != c.now {
				t.Errorf("who has %s now is at %v", c.now, addr)
			}
		}
	})
}
