package build

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// report passes what a build does on to a Sink: one call at a time, lines
// whole and without secrets, and every step that started ended.
type report struct {
	mu    sync.Mutex
	sink  Sink
	mask  mask
	steps map[string]Step
	order []string // ids of steps as they became known
	lines map[streamKey]*splitter
	last  map[string][]Line // the end of what each step said
}

type streamKey struct {
	step   string
	stream Stream
}

// lastLines is how much of a step's output a failure shows.
const lastLines = 20

func newReport(sink Sink, secrets map[string][]byte) *report {
	return &report{sink: sink, mask: newMask(secrets), steps: map[string]Step{}, lines: map[streamKey]*splitter{}, last: map[string][]Line{}}
}

// step passes s on if it says something new.
func (r *report) step(s Step) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.Name, s.Error = r.mask.hide(s.Name), r.mask.hide(s.Error)
	old, known := r.steps[s.ID]
	if !known {
		r.order = append(r.order, s.ID)
	} else {
		if s.StartedAt.IsZero() { // told of again, which says nothing of how far it is
			s.StartedAt, s.FinishedAt, s.Cached, s.Error = old.StartedAt, old.FinishedAt, old.Cached, old.Error
		}
		if same(old, s) {
			return
		}
	}
	if !s.FinishedAt.IsZero() {
		r.flush(s.ID, s.FinishedAt)
	}
	r.steps[s.ID] = s
	r.sink.Step(s)
}

func same(a, b Step) bool {
	return a.Name == b.Name && a.StartedAt.Equal(b.StartedAt) && a.FinishedAt.Equal(b.FinishedAt) &&
		a.Cached == b.Cached && a.Error == b.Error && slices.Equal(a.Inputs, b.Inputs)
}

// output takes a piece of what a step wrote.
func (r *report) output(step string, stream Stream, at time.Time, data []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := streamKey{step, stream}
	s := r.lines[key]
	if s == nil {
		s = &splitter{mask: r.mask, line: Line{Step: step, Stream: stream}}
		r.lines[key] = s
	}
	s.line.Time = at
	r.pass(s.write(data))
}

// flush passes on what a step wrote without a newline at its end.
func (r *report) flush(step string, at time.Time) {
	for _, stream := range []Stream{Stdout, Stderr} {
		if s := r.lines[streamKey{step, stream}]; s != nil && len(s.rest) > 0 {
			s.line.Time = at
			r.pass(s.flush())
		}
	}
}

func (r *report) pass(lines []Line) {
	if len(lines) == 0 {
		return
	}
	step := lines[0].Step
	last := slices.Concat(r.last[step], lines)
	r.last[step] = last[max(0, len(last)-lastLines):]
	r.sink.Log(lines)
}

// finish ends the steps that the end of the build interrupted.
func (r *report) finish() {
	r.mu.Lock()
	open := []Step{}
	for _, id := range r.order {
		if s := r.steps[id]; !s.StartedAt.IsZero() && s.FinishedAt.IsZero() {
			s.FinishedAt, s.Error = time.Now(), interrupted
			open = append(open, s)
		}
	}
	r.mu.Unlock()
	for _, s := range open {
		r.step(s)
	}
}

// said returns the end of what a step said.
func (r *report) said(step string) []Line {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last[step]
}

// failed returns the step that failed first: others may have ended because of
// it.
func (r *report) failed() (first Step, found bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range r.order {
		s := r.steps[id]
		if s.Error == "" || s.FinishedAt.IsZero() || strings.HasSuffix(s.Error, interrupted) {
			continue
		}
		if !found || s.FinishedAt.Before(first.FinishedAt) {
			first, found = s, true
		}
	}
	return first, found
}

// cached reports whether every step that could be was found in the cache.
func (r *report) cached() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.steps {
		if len(s.Inputs) > 0 && !s.Cached {
			return false
		}
	}
	return true
}
