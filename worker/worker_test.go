package worker

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
	"github.com/davitdev/davit/runner/runnertest"
)

func TestExclusively(t *testing.T) {
	t.Parallel()

	t.Run("who comes while a row is worked on makes it run once more, however many come", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var runs, inside atomic.Int64
			do := (&Worker{}).exclusively("task", func(context.Context, string) error {
				runs.Add(1)
				if inside.Add(1) > 1 {
					t.Error("two work on the same row")
				}
				defer inside.Add(-1)
				time.Sleep(time.Second)
				return nil
			})
			for range 3 {
				go do(t.Context(), "row")
				synctest.Wait()
			}
			time.Sleep(time.Minute)
			if n := runs.Load(); n != 2 {
				t.Errorf("%d runs, want 2", n)
			}
			if err := do(t.Context(), "row"); err != nil || runs.Load() != 3 {
				t.Errorf("a later one does not run: %d, %v", runs.Load(), err)
			}
		})
	})

	t.Run("other rows do not wait", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var inside atomic.Int64
			do := (&Worker{}).exclusively("task", func(context.Context, string) error {
				inside.Add(1)
				time.Sleep(time.Second)
				return nil
			})
			go do(t.Context(), "one")
			go do(t.Context(), "two")
			synctest.Wait()
			if n := inside.Load(); n != 2 {
				t.Errorf("%d are inside, want 2", n)
			}
			time.Sleep(time.Minute) // both return
		})
	})
}

func TestKeeper(t *testing.T) {
	t.Parallel()

	k := &keeper{health: lifecycle.HealthHealthy}
	for _, step := range []struct {
		bad     int
		changed bool
		health  lifecycle.Health
	}{
		{1, false, lifecycle.HealthHealthy},
		{2, false, lifecycle.HealthHealthy},
		{3, true, lifecycle.HealthUnhealthy},
		{4, false, lifecycle.HealthUnhealthy},
		{0, true, lifecycle.HealthHealthy},
	} {
		if changed := k.found(step.bad); changed != step.changed || k.health != step.health {
			t.Errorf("after %d bad checks: changed %t to %s", step.bad, changed, k.health)
		}
	}
}

func TestKeepersBesideDoTheSameOnceAtATime(t *testing.T) {
	t.Parallel()

	synctest.Test(t, func(t *testing.T) {
		var k keepers
		k.start(t.Context(), &Worker{})
		var runs atomic.Int64
		for range 3 {
			k.beside("same", func(context.Context) { runs.Add(1); time.Sleep(time.Second) })
		}
		k.stop() // waits
		if n := runs.Load(); n != 1 {
			t.Errorf("%d runs, want 1", n)
		}
		k.beside("same", func(context.Context) { t.Error("it runs after the stop") })
		synctest.Wait()
	})
}

// Nobody waits for the applications of others.
func TestManySlowDeploymentsHoldUpNoOther(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := newHouse(t, db)
		h.start()
		pull := make(chan struct{})
		slow := h.version("slow", func(i *runnertest.FakeImage) { i.PullHeld = pull })
		named := func(name string) func(*project.NewService) { return func(s *project.NewService) { s.Name = name } }
		var waiting []string
		for n := range 12 {
			waiting = append(waiting, h.request(h.service(slow, named(fmt.Sprint("slow ", n))), "").ID)
		}
		for _, id := range waiting {
			h.reaches(id, lifecycle.Preparing)
		}
		h.deploy(h.service(h.version("quick", nil), named("quick")), "")
		close(pull)
		for _, id := range waiting {
			h.completed(id)
		}
	})
}
