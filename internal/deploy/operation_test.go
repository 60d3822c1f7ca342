package deploy

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/operation"
	"github.com/davitdev/davit/ent/serviceinstance"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

// serve gives the active deployment n healthy replicas.
func (w *world) serve(n int) []*ent.Replica {
	w.t.Helper()
	work := must(w.ClaimInstance(w.ctx, w.instance.ID, "worker"))(w.t)
	var out []*ent.Replica
	for slot := range n {
		r := must(w.AddReplica(w.ctx, work.Fence(), work.Active, "", slot))(w.t)
		w.must(w.SetReplica(w.ctx, work.Fence(), r, func(u *ent.ReplicaUpdate) {
			u.SetStatus(lifecycle.ReplicaRunning).SetHealth(lifecycle.HealthHealthy).SetAddr(fmt.Sprintf("127.0.0.1:%d", 9000+slot))
		}))
		out = append(out, r)
	}
	w.must(w.ReleaseInstance(w.ctx, work))
	return out
}

func (w *world) now() *ent.ServiceInstance {
	w.t.Helper()
	return must(w.DB.ServiceInstance.Query().Where(serviceinstance.ID(w.instance.ID)).Only(w.ctx))(w.t)
}

func TestOperations(t *testing.T) {
	t.Parallel()

	t.Run("stop, start and restart say what is wanted, and end when it is so", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			w := newWorld(t, db)
			for what, do := range map[string]func() (*ent.Operation, error){
				"stop":    func() (*ent.Operation, error) { return w.Stop(w.ctx, w.instance.ID) },
				"start":   func() (*ent.Operation, error) { return w.Start(w.ctx, w.instance.ID) },
				"restart": func() (*ent.Operation, error) { return w.Restart(w.ctx, w.instance.ID, "") },
			} {
				_, err := do()
				wantFault(t, what+" of what was never deployed", err, fault.Conflict)
			}
			w.live()
			rs := w.serve(1)
			_, err := w.Restart(w.ctx, w.instance.ID, ident.New(ident.Replica))
			wantFault(t, "restart of no replica", err, fault.NotFound)
			op := must(w.Restart(w.ctx, w.instance.ID, rs[0].ID))(t)
			if s := must(w.Settling(w.ctx, w.instance.ID))(t); s != (Settling{Left: 1}) || !w.now().Dirty {
				t.Errorf("to be restarted: %+v", s)
			}
			if op.Status != lifecycle.OperationQueued || op.Kind != OpRestart || op.TargetID != w.instance.ID {
				t.Errorf("got %+v", op)
			}
			must(w.Stop(w.ctx, w.instance.ID))(t)
			if i := w.now(); !i.Stopped || i.Status != lifecycle.InstanceStopped {
				t.Errorf("stopped: %+v", i)
			}
			_, err = w.Restart(w.ctx, w.instance.ID, "")
			wantFault(t, "restart of what is stopped", err, fault.Conflict)
			must(w.Start(w.ctx, w.instance.ID))(t)
			if w.now().Stopped {
				t.Error("it is stopped")
			}
			must(w.projects.DeleteService(w.ctx, w.instance.ServiceID))(t)
			_, err = w.Start(w.ctx, w.instance.ID)
			wantFault(t, "start of what is being deleted", err, fault.Conflict)
		})
	})

	t.Run("it runs, pauses and ends once; who was overtaken writes nothing", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			w := newWorld(t, db)
			w.live()
			id := must(w.Stop(w.ctx, w.instance.ID))(t).ID
			row := func() *ent.Operation {
				return must(db.Operation.Query().Where(operation.ID(id)).Only(w.ctx))(t)
			}
			stale := must(w.ClaimOperation(w.ctx, id, "worker"))(t)
			if op := row(); op.Status != lifecycle.OperationRunning || op.StartedAt == nil {
				t.Errorf("claimed: %+v", op)
			}
			w.lose("operations", id)
			now := must(w.ClaimOperation(w.ctx, id, "another"))(t)
			before := row()
			late := Late("", OperationLimit)
			wantError(t, "PauseOperation", w.PauseOperation(w.ctx, stale, 1, "", time.Hour), ErrOvertaken)
			wantError(t, "FinishOperation", w.FinishOperation(w.ctx, stale, late), ErrOvertaken)
			wantError(t, "FinishRemoval", w.FinishRemoval(w.ctx, stale), ErrOvertaken)
			if after := row(); after.String() != before.String() {
				t.Errorf("it was\n%s\nand is\n%s", before, after)
			}
			w.must(w.FinishOperation(w.ctx, now, late))
			if op := row(); op.Status != lifecycle.OperationFailed || op.Failure.Code != fault.DeadlineExceeded || op.FinishedAt == nil {
				t.Errorf("ended: %+v", op)
			}
			wantError(t, "a second end", w.FinishOperation(w.ctx, now, nil), ErrOvertaken)
			_, err := w.ClaimOperation(w.ctx, id, "another")
			wantError(t, "a claim after the end", err, ErrNotNow)
		})
	})

	t.Run("a deletion ends deployments and replicas first, and then all rows", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			w := newWorld(t, db)
			w.inOrder()
			w.live()
			replicas := w.serve(1)
			under, waits := w.at(lifecycle.Deploying), w.request()
			op := must(w.projects.DeleteService(w.ctx, w.instance.ServiceID))(t)
			job := must(w.ClaimOperation(w.ctx, op.ID, "worker"))(t)
			c := must(w.Condemn(w.ctx, w.instance.ServiceID))(t)
			if c.Open != 1 || c.Replicas != 1 || w.row(waits.ID).Status != lifecycle.Completed {
				t.Errorf("condemned: %+v", c)
			}
			if stop := must(w.Renew(w.ctx, under))(t); stop != fault.Canceled {
				t.Errorf("the one under way is told %q", stop)
			}
			w.must(w.Complete(w.ctx, under, lifecycle.Canceled, Stopped(fault.Canceled, lifecycle.PhaseStart)))
			work := must(w.ClaimInstance(w.ctx, w.instance.ID, "worker"))(t)
			if shares := work.Shares(); shares != nil {
				t.Errorf("%v are wanted", shares)
			}
			serving := must(w.Routes(w.ctx))(t)
			if len(serving.List) != 1 || len(serving.List[0].Targets) != 1 {
				t.Errorf("while its replica serves: %+v", serving)
			}
			w.must(w.SetReplica(w.ctx, work.Fence(), replicas[0], func(u *ent.ReplicaUpdate) { u.SetStatus(lifecycle.ReplicaDraining) }))
			if left := must(w.Routes(w.ctx))(t); len(left.List)+len(left.Names) != 0 || left.Version <= serving.Version {
				t.Errorf("once nothing serves: %+v", left)
			}
			w.must(w.EndReplica(w.ctx, replicas[0], func(*ent.ReplicaUpdate) {}))
			if c = must(w.Condemn(w.ctx, w.instance.ServiceID))(t); c.Open+c.Replicas != 0 {
				t.Errorf("left: %+v", c)
			}
			w.must(w.FinishRemoval(w.ctx, job))
			for table, want := range map[string]int64{"services": 0, "service_instances": 0, "deployments": 0, "replicas": 0, "routes": 0, "domains": 0, "projects": 1} {
				if n := must(db.Int64s(w.ctx, "SELECT COUNT(*) FROM "+table))(t); n[0] != want {
					t.Errorf("%d %s", n[0], table)
				}
			}
			_, err := w.Renew(w.ctx, under)
			wantError(t, "a worker of what is gone", err, ErrOvertaken)
			w.must(w.EndReplica(w.ctx, replicas[0], func(*ent.ReplicaUpdate) {}))
		})
	})
}

// The state of an instance follows from its rows, whoever writes them.
func TestDerive(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		is := func(when string, status lifecycle.InstanceStatus, health lifecycle.Health) {
			t.Helper()
			if i := w.now(); i.Status != status || i.Health != health {
				t.Errorf("%s it is %s, %s, want %s, %s", when, i.Status, i.Health, status, health)
			}
		}
		is("at first", lifecycle.NotDeployed, lifecycle.HealthUnknown)
		c := w.at(lifecycle.Deploying)
		is("while deployed", lifecycle.InstanceDeploying, lifecycle.HealthStarting)
		w.carry(c, lifecycle.Completed)
		first := must(w.ClaimInstance(w.ctx, w.instance.ID, "worker"))(t)
		r := must(w.AddReplica(w.ctx, first.Fence(), first.Active, "", 0))(t)
		w.must(w.ReleaseInstance(w.ctx, first))
		set := func(s lifecycle.ReplicaStatus, h lifecycle.Health) {
			t.Helper()
			work := must(w.ClaimInstance(w.ctx, w.instance.ID, "worker"))(t)
			w.must(w.SetReplica(w.ctx, work.Fence(), r, func(u *ent.ReplicaUpdate) { u.SetStatus(s).SetHealth(h).SetAddr("127.0.0.1:9000").SetLastExitCode(3) }))
			w.must(w.ReleaseInstance(w.ctx, work))
		}
		set(lifecycle.ReplicaCreated, lifecycle.HealthStarting)
		is("with a replica that was made", lifecycle.InstanceDegraded, lifecycle.HealthStarting)
		version := must(w.Routes(w.ctx))(t).Version
		set(lifecycle.ReplicaRunning, lifecycle.HealthHealthy)
		is("with a healthy one", lifecycle.InstanceRunning, lifecycle.HealthHealthy)
		routes := must(w.Routes(w.ctx))(t)
		if len(routes.List) != 1 || len(routes.List[0].Targets) != 1 || routes.Version <= version {
			t.Errorf("routes %+v", routes)
		}
		must(w.Scale(w.ctx, w.instance.ID, "", 2))(t)
		is("with one of two", lifecycle.InstanceDegraded, lifecycle.HealthHealthy)
		set(lifecycle.ReplicaCrashed, lifecycle.HealthUnhealthy)
		is("with none", lifecycle.InstanceCrashed, lifecycle.HealthUnhealthy)
		if reason := w.now().StateReason; reason == nil || *reason != "Replica 0 ended with exit code 3." {
			t.Errorf("because of %v", reason)
		}
		if left := must(w.Routes(w.ctx))(t); len(left.List[0].Targets) != 0 || left.Version <= routes.Version {
			t.Errorf("routes %+v", left)
		}
		must(w.Stop(w.ctx, w.instance.ID))(t)
		is("stopped", lifecycle.InstanceStopped, lifecycle.HealthUnknown)
		set(lifecycle.ReplicaDraining, lifecycle.HealthUnknown)
		set(lifecycle.ReplicaRunning, lifecycle.HealthHealthy) // it drains, and only ends
		if r.Status != lifecycle.ReplicaDraining {
			t.Errorf("the replica is %s", r.Status)
		}
		w.at(lifecycle.Finalizing) // who deploys wants it to run
		if w.now().Stopped {
			t.Error("it is still stopped")
		}
	})
}

func TestAnOperationIsBegunOnceUnderOneKey(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		w.live()
		r := w.serve(1)[0]
		for name, do := range map[string]func(ctx context.Context) (*ent.Operation, error){
			"restart": func(ctx context.Context) (*ent.Operation, error) { return w.Restart(ctx, w.instance.ID, "") },
			"stop":    func(ctx context.Context) (*ent.Operation, error) { return w.Stop(ctx, w.instance.ID) },
			"start":   func(ctx context.Context) (*ent.Operation, error) { return w.Start(ctx, w.instance.ID) },
		} {
			must(w.Start(w.ctx, w.instance.ID))(t)
			ctx := principal.WithIdempotencyKey(w.ctx, name)
			first, again := must(do(ctx))(t), must(do(ctx))(t)
			if first.ID != again.ID {
				t.Errorf("%s: a retry began another operation", name)
			}
			_, err := w.Restart(ctx, w.instance.ID, r.ID)
			wantFault(t, name+": another one under its key", err, fault.IdempotencyKeyReused)
		}
		ctx := principal.WithIdempotencyKey(w.ctx, "scale")
		must(w.Scale(ctx, w.instance.ID, "", 2))(t)
		must(w.Scale(w.ctx, w.instance.ID, "", 3))(t)
		if i := must(w.Scale(ctx, w.instance.ID, "", 2))(t); i.ReplicaCount != 3 {
			t.Errorf("a retry scaled to %d what was scaled to 3 since", i.ReplicaCount)
		}
		_, err := w.Scale(ctx, w.instance.ID, "", 4)
		wantFault(t, "another number under its key", err, fault.IdempotencyKeyReused)
	})
}
