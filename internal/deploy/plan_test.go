package deploy

import (
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

// statements runs f and returns what the database was asked meanwhile, each
// statement once.
func (w *world) statements(f func()) []string {
	w.t.Helper()
	var mu sync.Mutex
	seen := map[string]bool{}
	w.DB.Observe(func(statement string) {
		mu.Lock()
		defer mu.Unlock()
		seen[statement] = true
	})
	f()
	w.DB.Observe(nil)
	mu.Lock()
	defer mu.Unlock()
	var out []string
	for s := range seen {
		switch verb, _, _ := strings.Cut(s, " "); verb {
		case "SELECT", "UPDATE", "DELETE":
			out = append(out, s)
		}
	}
	slices.Sort(out)
	return out
}

// scans is a table of the past that is read from end to end. A scan of one of
// the indices that hold only what is open is none.
var scans = regexp.MustCompile(`(?:^|\b)(?:SCAN|Seq Scan on) (deployments|replicas|builds|events|operations|idempotency_keys)\b`)

var open = regexp.MustCompile(`INDEX \w+_(open|live|due|one_active|one_running)\b`)

// What is asked every second, and for each deployment, takes as long with a past
// of many deployments as with none: no table that only grows is read from end to
// end.
func TestWhatIsAskedAgainAndAgainReadsNoTableFromEndToEnd(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		c := w.at(lifecycle.Deploying)
		r := must(w.AddReplica(w.ctx, c.Fence(), c.Row, "", 0))(t)
		w.must(w.SetReplica(w.ctx, c.Fence(), r, func(u *ent.ReplicaUpdate) {
			u.SetStatus(lifecycle.ReplicaRunning).SetHealth(lifecycle.HealthHealthy).SetAddr("10.0.0.4:80")
		}))
		w.carry(c, lifecycle.Completed)
		first := w.row(c.ID)
		w.must(storetest.Multiply(w.ctx, db, first.ID, 1000))
		w.exec("ANALYZE")
		asked := w.statements(func() {
			w.must(w.EndLeases(w.ctx))
			w.live()
			must(w.Rollback(w.ctx, first.ID))(t)
			c := w.at(lifecycle.Deploying)
			must(w.SameBuild(w.ctx, c, "key"))(t)
			r := must(w.AddReplica(w.ctx, c.Fence(), c.Row, "", 0))(t)
			w.must(w.SetReplica(w.ctx, c.Fence(), r, func(u *ent.ReplicaUpdate) { u.SetAddr("10.0.0.5:80") }))
			w.must(w.EndReplica(w.ctx, r, func(*ent.ReplicaUpdate) {}))
			must(w.Lead(w.ctx, Reconciler, "worker"))(t)
			must(w.Quiet(w.ctx))(t)
			must(w.EndOverdue(w.ctx))(t)
			w.must(w.RunDue(w.ctx))
			must(w.Waiting(w.ctx))(t)
			must(w.LiveReplicas(w.ctx))(t)
			must(w.WithCommand(w.ctx))(t)
			w.must(w.Forget(w.ctx))
			must(w.Routes(w.ctx))(t)
			must(w.Renew(w.ctx, c))(t)
			must(w.Settling(w.ctx, w.instance.ID))(t)
		})
		for _, s := range asked {
			for _, line := range storetest.Plan(t, w.DB, s) {
				if table := scans.FindString(line); table != "" && !open.MatchString(line) {
					t.Errorf("%s: %s", table, s)
				}
			}
		}
	})
}
