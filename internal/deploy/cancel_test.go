package deploy

import (
	"errors"
	"sync"
	"testing"

	"github.com/davitdev/davit/ent/outbox"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

// P6, as far as rows go: what a cancel does, by the deployment's status.
func TestCancel(t *testing.T) {
	t.Parallel()

	for _, status := range reached {
		t.Run("one that is "+string(status), func(t *testing.T) {
			t.Parallel()
			storetest.Each(t, func(t *testing.T, db *store.DB) {
				w := newWorld(t, db)
				c := w.at(status)
				before := w.row(c.ID)
				w.exec("UPDATE deployments SET due_at = {now} + 60000 WHERE id = ?", c.ID) // it waits for its next attempt
				w.exec("DELETE FROM outboxes")
				_, err := w.Cancel(w.ctx, c.ID)
				after := w.row(c.ID)
				switch {
				case status == lifecycle.Queued:
					w.must(err)
					if after.Status != lifecycle.Completed || *after.Conclusion != lifecycle.Canceled || after.Failure.Code != fault.Canceled {
						t.Errorf("it is %+v", after)
					}
					_, err = w.Renew(w.ctx, c)
					wantError(t, "its worker", err, ErrOvertaken)
				case status.Running():
					w.must(err)
					if after.Status != status || after.CancelReason == nil || after.DueAt != 0 {
						t.Errorf("it is %+v", after)
					}
					if stop, err := w.Renew(w.ctx, c); err != nil || stop != fault.Canceled {
						t.Errorf("its worker is told %q, %v", stop, err)
					}
					if n := must(db.Outbox.Query().Where(outbox.TargetID(c.ID)).Count(w.ctx))(t); n != 1 {
						t.Errorf("it is rung for %d times", n)
					}
					wantError(t, "a switch", stopOf(w.Switch(w.ctx, c), status), errStopped)
				default:
					wantFault(t, "Cancel", err, fault.AlreadyLive)
					if after.CancelReason != nil || after.Status != before.Status || after.IsActive != before.IsActive {
						t.Errorf("it was %+v, is %+v", before, after)
					}
				}
				if status == lifecycle.Finalizing || status == lifecycle.Completed {
					return
				}
				if _, err := w.Cancel(w.ctx, c.ID); err != nil {
					t.Errorf("a second time: %v", err)
				}
			})
		})
	}

	t.Run("one that ended otherwise has ended", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			w := newWorld(t, db)
			c := w.at(lifecycle.Deploying)
			w.must(w.Complete(w.ctx, c, lifecycle.Failed, userFailure()))
			_, err := w.Cancel(w.ctx, c.ID)
			wantFault(t, "one that failed", err, fault.Conflict)
			replaced := w.live()
			w.live()
			_, err = w.Cancel(w.ctx, replaced.ID)
			wantFault(t, "one that was replaced", err, fault.Conflict)
		})
	})

	t.Run("a cancel and a switch at once: one of them wins, and the other is told", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			w := newWorld(t, db)
			for range 8 {
				c := w.at(lifecycle.Deploying)
				var canceled, switched error
				var wg sync.WaitGroup
				wg.Go(func() { _, canceled = w.Cancel(w.ctx, c.ID) })
				wg.Go(func() { switched = w.Switch(w.ctx, c) })
				wg.Wait()
				switch live := w.row(c.ID).IsActive; {
				case live && switched == nil && fault.Is(canceled, fault.AlreadyLive):
					w.carry(c, lifecycle.Completed)
				case !live && canceled == nil && fault.Is(switched, fault.Canceled):
					w.must(w.Complete(w.ctx, c, lifecycle.Canceled, Stopped(fault.Canceled, lifecycle.PhaseSwitchTraffic)))
				default:
					t.Fatalf("live %t, cancel: %v, switch: %v", live, canceled, switched)
				}
			}
		})
	})

	t.Run("a service that is being deleted is not switched to", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			w := newWorld(t, db)
			c := w.at(lifecycle.Deploying)
			must(w.projects.DeleteService(w.ctx, w.instance.ServiceID))(t)
			wantFault(t, "Switch", w.Switch(w.ctx, c), fault.Canceled)
		})
	})
}

var errStopped = errors.New("told to stop")

// stopOf is errStopped if a switch was refused as it should be of one that was
// canceled: before DEPLOYING it is not tried.
func stopOf(err error, s lifecycle.Status) error {
	if s != lifecycle.Deploying && err != nil || fault.Is(err, fault.Canceled) {
		return errStopped
	}
	return err
}
