package deploy

import (
	"errors"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

// A build that is tried again, or that another process takes over, is one of
// those under way like any other.
func TestARetriedBuildWaitsForASlot(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		take := func(c *Claim, most int, want error) {
			t.Helper()
			if _, err := w.TakeSlot(w.ctx, c, most, time.Hour); !errors.Is(err, want) {
				t.Errorf("with %d slots: %v, want %v", most, err, want)
			}
		}
		status := func(c *Claim) lifecycle.BuildStatus { return w.row(c.ID).Edges.Build.Status }
		again := func(c *Claim) *Claim {
			w.exec("UPDATE deployments SET due_at = 0 WHERE id = ?", c.ID)
			return must(w.Claim(w.ctx, c.ID, "worker"))(t)
		}
		first := w.at(lifecycle.Building)
		w.instance = w.service("other", spec.Source{Image: &spec.ImageSource{Image: "registry.test/app:v1"}})
		second := w.at(lifecycle.Building)
		take(first, 1, nil)
		take(first, 1, nil) // it goes on
		take(second, 1, ErrNotNow)
		w.must(w.Release(w.ctx, second))

		away := lifecycle.Explain(fault.New(fault.RunnerAway, "The engine does not answer."), lifecycle.PhaseBuild)
		if retried, err := w.Retry(w.ctx, first, away); err != nil || !retried {
			t.Fatalf("retried %t, %v", retried, err)
		}
		second = again(second)
		take(second, 1, nil)
		first = again(first)
		take(first, 2, nil)
		take(first, 1, ErrNotNow)
		if status(first) != lifecycle.BuildQueued || status(second) != lifecycle.BuildRunning {
			t.Errorf("they are %s and %s", status(first), status(second))
		}
		w.must(w.Release(w.ctx, first))
		w.must(w.EndBuild(w.ctx, second, "linux/amd64"))
		first = again(first)
		take(first, 1, nil)
		if status(first) != lifecycle.BuildRunning {
			t.Errorf("it is %s", status(first))
		}
	})
}
