package deploy

import (
	"slices"
	"testing"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/serviceinstance"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

// setClock is what a database sees whose clock is set by d: all its times are as
// much further from now.
func (w *world) setClock(d time.Duration) {
	w.t.Helper()
	for _, of := range []struct{ table, column string }{
		{"deployments", "due_at"},
		{"deployments", "lease_until"},
		{"deployments", "deadline_at"},
		{"operations", "due_at"},
		{"operations", "lease_until"},
		{"service_instances", "due_at"},
		{"service_instances", "lease_until"},
		{"service_instances", "next_run_at"},
		{"replicas", "due_at"},
		{"leases", "lease_until"},
	} {
		w.exec("UPDATE "+of.table+" SET "+of.column+" = "+of.column+" - ? WHERE "+of.column+" > 1", d.Milliseconds())
	}
}

// A clock that is set back lets nobody wait for the time that it had.
func TestAClockThatIsSetBack(t *testing.T) {
	t.Parallel()

	for _, by := range []time.Duration{time.Hour, 365 * 24 * time.Hour} {
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			w := newWorld(t, db)
			retried := w.at(lifecycle.Preparing)
			away := lifecycle.Explain(fault.New(fault.RunnerAway, "The engine does not answer."), lifecycle.PhasePullImage)
			if ok, err := w.Retry(w.ctx, retried, away); err != nil || !ok {
				t.Fatalf("retried %t, %v", ok, err)
			}
			w.instance = w.service("other", spec.Source{Image: &spec.ImageSource{Image: "registry.test/app:v1"}})
			held := w.at(lifecycle.Preparing)
			cron := must(w.projects.CreateService(w.ctx, project.NewService{
				ProjectID: w.project.ID, Name: "nightly", Kind: spec.Cron, Source: spec.Source{Image: &spec.ImageSource{Image: "registry.test/app:v1"}},
				Settings: spec.Settings{Cron: "0 4 * * *"},
			}))(t)
			w.instance = must(db.ServiceInstance.Query().Where(serviceinstance.ServiceID(cron.ID)).Only(w.ctx))(t)
			w.live()
			if !must(w.Lead(w.ctx, Reconciler, "dead"))(t) {
				t.Fatal("nobody leads")
			}

			w.setClock(-by)
			w.must(w.ClockSet(w.ctx, time.Hour))
			if wait := w.row(retried.ID).DueAt - must(db.NowMillis(w.ctx))(t); wait > time.Minute.Milliseconds() {
				t.Errorf("it waits for %d ms", wait)
			}
			if _, err := w.Claim(w.ctx, held.ID, "another"); err == nil {
				t.Error("a lease is over that lasts")
			}
			now := must(db.NowMillis(w.ctx))(t)
			for _, table := range []string{"deployments", "leases"} {
				for _, until := range must(db.Int64s(w.ctx, "SELECT lease_until FROM "+table))(t) {
					if left := time.Duration(until-now) * time.Millisecond; left > Lease {
						t.Errorf("a lease of %s lasts %s", table, left)
					}
				}
			}
			for _, c := range []*Claim{retried, held} {
				if left := time.Duration(w.row(c.ID).DeadlineAt-now) * time.Millisecond; left <= 0 || left > time.Hour {
					t.Errorf("%s has %s", c.ID, left)
				}
			}
			if next := time.UnixMilli(w.now().NextRunAt); time.Until(next) <= 0 || time.Until(next) > 24*time.Hour {
				t.Errorf("the cron service is due at %s", next)
			}
			before := w.everything()
			w.must(w.ClockSet(w.ctx, time.Hour))
			if w.everything() != before {
				t.Error("it changes what is right")
			}
		})
	}
}

// A clock that is set ahead takes no time from a deployment.
func TestAClockThatIsSetAhead(t *testing.T) {
	t.Parallel()

	for _, by := range []time.Duration{2 * time.Hour, 365 * 24 * time.Hour} {
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			w := newWorld(t, db)
			c := w.at(lifecycle.Preparing)
			w.setClock(by)
			w.must(w.PutDeadlinesOff(w.ctx, by))
			w.must(w.ClockSet(w.ctx, time.Hour))
			if n := must(w.EndOverdue(w.ctx))(t); n != 0 {
				t.Errorf("%d deployments are overdue", n)
			}
			w.must(w.Advance(w.ctx, c, lifecycle.Preparing, func(*ent.DeploymentUpdate) {})) // its worker goes on
		})
	}
}

// A cron service whose schedule cannot be told holds up no other.
func TestAClockThatIsSetBackWithAScheduleThatIsNone(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		for _, name := range []string{"bad", "good"} { // in the order of their ids
			cron := must(w.projects.CreateService(w.ctx, project.NewService{
				ProjectID: w.project.ID, Name: name, Kind: spec.Cron, Source: spec.Source{Image: &spec.ImageSource{Image: "registry.test/app:v1"}},
				Settings: spec.Settings{Cron: "0 4 * * *"},
			}))(t)
			w.instance = must(db.ServiceInstance.Query().Where(serviceinstance.ServiceID(cron.ID)).Only(w.ctx))(t)
			d := w.live()
			if name == "bad" {
				w.exec(`UPDATE deployments SET settings = '{"cron": "at four"}' WHERE id = ?`, d.ID)
			}
		}
		w.setClock(-365 * 24 * time.Hour)
		w.must(w.ClockSet(w.ctx, time.Hour))
		if next := time.UnixMilli(w.now().NextRunAt); time.Until(next) > 24*time.Hour {
			t.Errorf("the good one is due at %s", next)
		}
	})
}

// What is made next sorts behind what was made last, of each kind.
func TestNewestIDs(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		for _, id := range must(w.NewestIDs(w.ctx))(t) {
			if id != "" {
				t.Errorf("%s is the newest of nothing", id)
			}
		}
		w.live()
		last := w.live()
		replicas := w.serve(2)
		if newest := must(w.NewestIDs(w.ctx))(t); !slices.Contains(newest, last.ID) || !slices.Contains(newest, replicas[1].ID) || !slices.Contains(newest, last.Edges.Build.ID) {
			t.Errorf("the newest are %q", newest)
		}
	})
}
