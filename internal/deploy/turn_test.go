package deploy

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/ent/serviceinstance"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

// P2, and its sibling: one runs, one serves, however many try at once.
func TestTurns(t *testing.T) {
	t.Parallel()

	t.Run("of those that wait the oldest has its turn, alone, and then the next", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			w := newWorld(t, db)
			w.inOrder()
			var claims [4]*Claim
			for i := range claims {
				claims[i] = must(w.Claim(w.ctx, w.request().ID, fmt.Sprint("worker ", i)))(t)
			}
			for turn, first := range claims {
				var wg sync.WaitGroup
				for _, c := range claims[turn:] {
					wg.Go(func() {
						if err := w.Begin(w.ctx, c, time.Hour); (c == first) != (err == nil) || err != nil && !errors.Is(err, ErrNotNow) {
							t.Errorf("turn %d: #%d begins: %v", turn, c.Row.Number, err)
						}
					})
				}
				wg.Wait()
				if running, _ := w.running(); running != 1 {
					t.Errorf("turn %d: %d run", turn, running)
				}
				w.carry(first, lifecycle.Completed)
				if _, serving := w.running(); serving != 1 || !w.row(first.ID).IsActive {
					t.Errorf("turn %d: %d serve", turn, serving)
				}
			}
		})
	})

	t.Run("one that finalizes lets the next begin, and is replaced by it", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			w := newWorld(t, db)
			first := w.at(lifecycle.Finalizing)
			second := w.at(lifecycle.Finalizing)
			if w.row(first.ID).IsActive || !w.row(second.ID).IsActive {
				t.Error("the older one serves")
			}
			w.must(w.Complete(w.ctx, first, lifecycle.Succeeded, nil))
			w.must(w.Complete(w.ctx, second, lifecycle.Succeeded, nil))
		})
	})

	t.Run("the database itself lets no second one run or serve", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			w := newWorld(t, db)
			w.inOrder()
			w.at(lifecycle.Finalizing)
			w.at(lifecycle.Preparing)
			waits := w.request()
			for what, set := range map[string]func(*ent.DeploymentUpdate){
				"run":   func(u *ent.DeploymentUpdate) { u.SetStatus(lifecycle.Building) },
				"serve": func(u *ent.DeploymentUpdate) { u.SetIsActive(true) },
			} {
				u := db.Deployment.Update().Where(deployment.ID(waits.ID))
				set(u)
				if err := u.Exec(w.ctx); !ent.IsConstraintError(err) {
					t.Errorf("a second one may %s: %v", what, err)
				}
			}
		})
	})

	t.Run("Advance gives no turn, switches nothing and completes nothing", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, storetest.SQLite(t))
		c := w.claimed()
		for _, to := range reached[1:] {
			if err := w.Advance(w.ctx, c, to, nil); err == nil {
				t.Errorf("it became %s", to)
			}
		}
		w.carry(c, lifecycle.Deploying)
		for _, to := range []lifecycle.Status{lifecycle.Queued, lifecycle.Preparing, lifecycle.Building, lifecycle.Finalizing, lifecycle.Completed} {
			if err := w.Advance(w.ctx, c, to, nil); err == nil {
				t.Errorf("it became %s", to)
			}
		}
		if got := w.row(c.ID); got.Status != lifecycle.Deploying {
			t.Errorf("it is %s", got.Status)
		}
	})
}

func TestADeploymentBeginsWhenItGetsItsTurnNotWhenItAsksForIt(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		c := w.claimed()
		begun := make(chan error, 1)
		var released time.Time
		w.must(w.DB.Tx(w.ctx, func(tx *store.Tx) error { // whoever has the turn
			if _, err := hold(w.ctx, tx, serviceinstance.Table, w.instance.ID); err != nil {
				return err
			}
			go func() { begun <- w.Begin(w.ctx, c, time.Hour) }()
			<-time.After(100 * time.Millisecond) // long enough to ask; however long, it has to wait
			released = clock()
			return nil
		}))
		w.must(<-begun)
		if at := c.Row.StartedAt; at.Before(released) {
			t.Errorf("it began %s before the instance was free", released.Sub(*at))
		}
	})
}

// What waits is told of each that does not wait before it any more.
func TestAllThatWaitAreWokenWhenTheQueueMoves(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		w.inOrder()
		first := w.at(lifecycle.Deploying)
		second, third, fourth := w.request(), w.request(), w.request()
		var mu sync.Mutex
		woken := map[string]bool{}
		db.Publish = func(topics ...string) {
			mu.Lock()
			defer mu.Unlock()
			for _, topic := range topics {
				woken[topic] = true
			}
		}
		moves := func(what string, move func(), waiting ...*ent.Deployment) {
			t.Helper()
			clear(woken)
			move()
			for _, d := range waiting {
				if !woken[d.ID] {
					t.Errorf("%s: #%d is not woken", what, d.Number)
				}
			}
		}
		moves("one switches", func() { w.must(w.Switch(w.ctx, first)) }, second, third, fourth)
		moves("one in the middle is canceled", func() { must(w.Cancel(w.ctx, third.ID))(t) }, second, fourth)
		c := must(w.Claim(w.ctx, second.ID, "worker"))(t)
		w.must(w.Begin(w.ctx, c, time.Hour))
		moves("one fails", func() { w.must(w.Complete(w.ctx, c, lifecycle.Failed, userFailure())) }, fourth)
	})
}
