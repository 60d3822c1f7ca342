package worker

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/build"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

// longStep begins a step right after another, and says no more until it is told to.
type longStep struct {
	build.Builder
	end chan struct{}
}

func (l *longStep) Build(ctx context.Context, req build.Request, sink build.Sink) (build.Result, error) {
	now := time.Now()
	sink.Step(build.Step{ID: "short", Name: "FROM base", StartedAt: now, FinishedAt: now})
	sink.Step(build.Step{ID: "long", Name: "RUN make", StartedAt: now})
	select {
	case <-l.end:
	case <-ctx.Done():
		return build.Result{}, context.Cause(ctx)
	}
	sink.Step(build.Step{ID: "long", Name: "RUN make", StartedAt: now, FinishedAt: time.Now()})
	return l.Builder.Build(ctx, req, sink)
}

func TestAStepThatRunsLongIsKnownToRun(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newStage(t, db)
		long := &longStep{Builder: s.builder, end: make(chan struct{})}
		s.builder = long
		s.start()
		d := s.request(s.uploaded("app"), "")
		s.until("the long step runs", func() bool {
			b := s.building(d)
			return b != nil && slices.ContainsFunc(b.Steps, func(step lifecycle.BuildStep) bool {
				return step.ID == "long" && step.Status == lifecycle.PhaseRunning
			})
		})
		close(long.end)
		if done := s.house.completed(d.ID); *done.Conclusion != lifecycle.Succeeded {
			t.Errorf("it ended as %s: %+v", *done.Conclusion, done.Failure)
		}
		for _, step := range s.building(d).Steps {
			if step.Status != lifecycle.PhaseSucceeded {
				t.Errorf("step %s is %s", step.Name, step.Status)
			}
		}
	})
}
