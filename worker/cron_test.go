package worker

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/event"
	"github.com/davitdev/davit/ent/operation"
	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
	"github.com/davitdev/davit/runner/runnertest"
)

// ticking makes a cron service of the fake's program with these flags.
func ticking(cron string, overlap spec.CronOverlap, args string) func(*project.NewService) {
	return func(n *project.NewService) {
		n.Name, n.Kind = "nightly", spec.Cron
		n.Settings.Cron, n.Settings.TimeZone, n.Settings.CronOverlap = cron, "Europe/Berlin", overlap
		n.Settings.StartCommand, n.Settings.HealthCheck = runnertest.FakeProgram+" "+args, nil
	}
}

// due makes a cron service due since so long ago.
func (h *house) due(i *ent.ServiceInstance, ago time.Duration) {
	h.t.Helper()
	n, err := h.db.Exec(h.ctx, `UPDATE service_instances SET next_run_at = {now} - ? WHERE id = ? AND next_run_at > 0`, ago.Milliseconds(), i.ID)
	if err != nil || n != 1 {
		h.t.Fatalf("%d services are due, %v", n, err)
	}
}

// runs are the runs of a cron service, newest first.
func (h *house) runs(i *ent.ServiceInstance) []*ent.Operation {
	h.t.Helper()
	ops, err := h.db.Operation.Query().Where(operation.TargetID(i.ID), operation.ScheduledAtNotNil()).Order(ent.Desc(operation.FieldID)).All(h.ctx)
	if err != nil {
		h.t.Fatal(err)
	}
	return ops
}

func (h *house) events(i *ent.ServiceInstance, kind string) int {
	h.t.Helper()
	n, err := h.db.Event.Query().Where(event.InstanceID(i.ID), event.Type(kind)).Count(h.ctx)
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

func TestCron(t *testing.T) {
	t.Parallel()

	t.Run("a service runs when it is due, and at no other time", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			h := newHouse(t, db)
			p := h.start()
			i := h.service(h.version("v1", nil), ticking("30 4 * * *", "", "--print 2 --exit-after 10ms"))
			h.deploy(i, "")
			if left := h.containers(); len(left) != 0 {
				t.Errorf("%q run", left)
			}
			now := h.instance(i)
			want, err := spec.ParseSchedule("30 4 * * *", "Europe/Berlin")
			if err != nil {
				t.Fatal(err)
			}
			if got := time.UnixMilli(now.NextRunAt); now.Status != lifecycle.InstanceRunning || !got.Equal(want.Next(time.Now())) {
				t.Errorf("it is %s and due at %s", now.Status, got)
			}
			h.due(i, time.Second)
			h.until("it runs", func() bool { return len(h.runs(i)) == 1 })
			op := h.ended(h.runs(i)[0].ID)
			if op.Status != lifecycle.OperationSucceeded || op.ExitCode == nil || *op.ExitCode != 0 || op.ScheduledAt.After(time.Now()) {
				t.Errorf("it ended as %s: %+v", op.Status, op.Failure)
			}
			if lines := p.printed(op); !slices.Contains(lines, "line 2") {
				t.Errorf("it printed %q", lines)
			}
			if next := time.UnixMilli(h.instance(i).NextRunAt); !next.Equal(want.Next(time.Now())) {
				t.Errorf("it is due at %s", next)
			}
			h.tidy()
			if _, err := h.verbs.Scale(h.ctx, i.ID, "", 2); !fault.Is(err, fault.Invalid) {
				t.Errorf("it can be scaled: %v", err)
			}
		})
	})

	t.Run("however many look at once, there is one run a tick, and one for all that were missed", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			h := newHouse(t, db)
			p := h.start()
			i := h.service(h.version("v1", nil), ticking("0 4 * * *", spec.OverlapAllow, "--exit-after 10ms"))
			h.deploy(i, "")
			p.stop()
			for _, tt := range []struct {
				ago          time.Duration
				runs, missed int
			}{{time.Second, 1, 0}, {75 * time.Hour, 2, 1}, {5 * 365 * 24 * time.Hour, 2, 2}} { // the last tick of these two is the same
				h.due(i, tt.ago)
				var wg sync.WaitGroup
				for range 8 {
					wg.Go(func() {
						if err := h.verbs.RunDue(h.ctx); err != nil {
							t.Error(err)
						}
					})
				}
				wg.Wait()
				if n := len(h.runs(i)); n != tt.runs {
					t.Fatalf("due since %s: %d runs, want %d", tt.ago, n, tt.runs)
				}
				if n := h.events(i, "service.run.missed"); n != tt.missed {
					t.Errorf("%d times it is said that ticks were missed, want %d", n, tt.missed)
				}
				if next := time.UnixMilli(h.instance(i).NextRunAt); time.Until(next) < 0 || time.Until(next) > 25*time.Hour {
					t.Errorf("it is due at %s", next)
				}
			}
		})
	})

	for _, tt := range []struct {
		overlap       spec.CronOverlap
		runs, skipped int
		first         lifecycle.OperationStatus
	}{
		{"", 1, 1, lifecycle.OperationRunning},
		{spec.OverlapAllow, 2, 0, lifecycle.OperationRunning},
		{spec.OverlapReplace, 2, 0, lifecycle.OperationCanceled},
	} {
		t.Run("a run that is due while another runs: "+string(tt.overlap), func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, storetest.SQLite(t))
			h.start()
			i := h.service(h.version("v1", nil), ticking("0 4 * * *", tt.overlap, "--print 1"))
			h.deploy(i, "")
			h.due(i, 25*time.Hour)
			h.until("it runs", func() bool { return len(h.runs(i)) == 1 && h.runs(i)[0].ContainerID != nil })
			first := h.runs(i)[0].ID
			h.due(i, time.Second)
			h.until("the next is due", func() bool {
				return len(h.runs(i)) == tt.runs && h.events(i, "service.run.skipped") == tt.skipped && h.operation(first).Status == tt.first
			})
		})
	}

	t.Run("what serves says when, and one that is stopped never", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			h := newHouse(t, db)
			h.start()
			i := h.service(h.version("v1", nil), ticking("0 4 * * *", "", "--exit-after 0s"))
			first := h.deploy(i, "")
			before := h.instance(i).NextRunAt
			_, err := h.projects.UpdateInstance(h.ctx, project.ChangeInstance{ID: i.ID, Apply: func(s spec.Settings) spec.Settings {
				s.Cron = "0 5 * * *"
				return s
			}})
			if err != nil || h.instance(i).NextRunAt != before {
				t.Fatalf("due at %d, not %d: %v", h.instance(i).NextRunAt, before, err)
			}
			h.deploy(i, "")
			if got := h.instance(i).NextRunAt; got == before {
				t.Error("the new schedule does not count")
			}
			back, err := h.verbs.Rollback(h.ctx, first.ID)
			if err != nil {
				t.Fatal(err)
			}
			h.completed(back.ID)
			if got := h.instance(i).NextRunAt; got != before {
				t.Errorf("after a rollback it is due at %d, not %d", got, before)
			}
			op, err := h.verbs.Stop(h.ctx, i.ID)
			if err != nil {
				t.Fatal(err)
			}
			h.done(op.ID)
			if got := h.instance(i).NextRunAt; got != 0 {
				t.Errorf("one that is stopped is due at %d", got)
			}
			if op, err = h.verbs.Start(h.ctx, i.ID); err != nil {
				t.Fatal(err)
			}
			h.done(op.ID)
			if got := h.instance(i).NextRunAt; got != before {
				t.Errorf("one that was started is due at %d, not %d", got, before)
			}
			if op, err = h.verbs.RunCommand(h.ctx, deploy.Command{InstanceID: i.ID, Limit: time.Minute}); err != nil {
				t.Fatal(err)
			}
			if op = h.ended(op.ID); op.Status != lifecycle.OperationSucceeded || op.ScheduledAt != nil {
				t.Errorf("run now: it ended as %s: %+v", op.Status, op.Failure)
			}
		})
	})

	t.Run("the last runs are kept", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			h := newHouse(t, db)
			i := h.service(h.version("v1", nil), ticking("0 4 * * *", "", ""))
			other := h.service("registry.test/app:v1", func(n *project.NewService) { n.Name = "other" })
			for n := range deploy.KeptRuns + 3 {
				for _, target := range []string{i.ID, other.ID} {
					if target == i.ID || n < 2 {
						err := h.db.Operation.Create().SetWorkspaceID(h.project.WorkspaceID).SetKind(deploy.OpRun).SetTargetID(target).SetActorID("system").
							SetScheduledAt(time.Unix(int64(n), 0).UTC()).SetStatus(lifecycle.OperationSucceeded).Exec(h.ctx)
						if err != nil {
							t.Fatal(err)
						}
					}
				}
			}
			if err := h.verbs.ForgetRuns(h.ctx); err != nil {
				t.Fatal(err)
			}
			left := h.runs(i)
			if len(left) != deploy.KeptRuns || left[0].ScheduledAt.Unix() != deploy.KeptRuns+2 || len(h.runs(other)) != 2 {
				t.Errorf("%d runs are left, and %d of the other", len(left), len(h.runs(other)))
			}
		})
	})
}
