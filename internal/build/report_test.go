package build

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"
)

// steps keeps the steps it is told of.
type steps []Step

func (s *steps) Step(step Step) { *s = append(*s, step) }
func (s *steps) Log([]Line)     {}

// BuildKit tells of a vertex again, without times, whenever another part of the
// build comes to need it.
func TestAStepDoesNotGoBack(t *testing.T) {
	t.Parallel()

	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	ended := began.Add(time.Second)
	vertex := func(started, completed *time.Time) *client.SolveStatus {
		return &client.SolveStatus{Vertexes: []*client.Vertex{{Digest: digest.Digest("sha256:a"), Name: "RUN make", Started: started, Completed: completed}}}
	}
	all := make(chan *client.SolveStatus, 10)
	for _, status := range []*client.SolveStatus{vertex(nil, nil), vertex(&began, nil), vertex(nil, nil), vertex(&began, &ended), vertex(nil, nil)} {
		all <- status
	}
	close(all)
	var got steps
	newReport(&got, nil).follow(all)
	step := Step{ID: "sha256:a", Name: "RUN make"}
	running, done := step, step
	running.StartedAt, done.StartedAt, done.FinishedAt = began, began, ended
	if diff := cmp.Diff(steps{step, running, done}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
