package worker

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/davitdev/davit/internal/build"
	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/logs"
)

// sink brings the steps of a build into its row and its output into the log.
type sink struct {
	w   *Worker
	c   *deploy.Claim
	out *logs.Writer
	ctx context.Context //nolint:containedctx // of the one Build call it is made for

	mu    sync.Mutex
	list  []lifecycle.BuildStep
	at    map[string]int
	last  time.Time   // when the steps were last written
	later *time.Timer // writes what came since, nil if nothing did
}

// stepsEvery bounds how often the steps of a build are written.
const stepsEvery = 250 * time.Millisecond

var _ build.Sink = (*sink)(nil)

func (w *Worker) newSink(ctx context.Context, c *deploy.Claim, secrets []string) (*sink, error) {
	out, err := w.Recorder.Logs.Writer(ctx, sourceOf(c.Row.InstanceID, c.ID), logs.Build, "", logs.WriterOptions{Mask: logs.NewMask(secrets...), Lossy: true})
	if err != nil {
		return nil, fmt.Errorf("open build log: %w", err)
	}
	return &sink{w: w, c: c, out: out, ctx: ctx, at: map[string]int{}}, nil
}

// Step notes a step, and writes all of them now and then: a step may be the last
// that is told of for long.
func (s *sink) Step(step build.Step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, known := s.at[step.ID]
	if !known {
		i = len(s.list)
		s.at[step.ID] = i
		s.list = append(s.list, lifecycle.BuildStep{})
	}
	s.list[i] = stepOf(step)
	if s.later != nil {
		return
	}
	wait := stepsEvery - time.Since(s.last)
	if wait <= 0 {
		s.write(s.ctx)
		return
	}
	var later *time.Timer
	later = time.AfterFunc(wait, func() {
		err := unlessPanic(s.ctx, func(ctx context.Context) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.later == later { // else it is closed
				s.later = nil
				s.write(ctx)
			}
			return nil
		})
		if err != nil {
			s.w.Log.ErrorContext(s.ctx, "build steps not written", "deployment", s.c.ID, "err", err)
		}
	})
	s.later = later
}

func stepOf(b build.Step) lifecycle.BuildStep {
	out := lifecycle.BuildStep{ID: b.ID, Name: b.Name, Inputs: b.Inputs, Cached: b.Cached, Status: lifecycle.PhasePending}
	if !b.StartedAt.IsZero() {
		at := b.StartedAt.UTC()
		out.StartedAt, out.Status = &at, lifecycle.PhaseRunning
	}
	if !b.FinishedAt.IsZero() {
		at := b.FinishedAt.UTC()
		out.FinishedAt, out.Status = &at, lifecycle.PhaseSucceeded
	}
	if b.Error != "" {
		out.Error, out.Status = &b.Error, lifecycle.PhaseFailed
	}
	return out
}

// Log brings lines into the build's stream.
func (s *sink) Log(lines []build.Line) {
	for _, l := range lines {
		if err := s.out.WriteAt(l.Time, []byte(l.Text), !l.More); err != nil {
			s.w.Log.WarnContext(s.ctx, "build line lost", "deployment", s.c.ID, "err", err)
			return
		}
	}
}

// write is called with mu held.
func (s *sink) write(ctx context.Context) {
	s.last = time.Now()
	if err := s.w.Deploy.SetBuildSteps(ctx, s.c, s.list); err != nil && !overtaken(err) && ctx.Err() == nil {
		s.w.Log.WarnContext(ctx, "build steps not written", "deployment", s.c.ID, "err", err)
	}
}

// close writes what is left and ends the build's stream.
func (s *sink) close(ctx context.Context) error {
	ctx, cancel := briefly(ctx, 10*time.Second)
	defer cancel()
	s.mu.Lock()
	if s.later != nil {
		s.later.Stop()
		s.later = nil
	}
	s.write(ctx)
	s.mu.Unlock()
	return s.out.End(ctx)
}
