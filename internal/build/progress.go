package build

import (
	"time"

	"github.com/moby/buildkit/client"
)

// follow passes on what the engine says until it says no more.
func (r *report) follow(statuses <-chan *client.SolveStatus) {
	for status := range statuses {
		for _, v := range status.Vertexes {
			r.step(stepOf(v))
		}
		for _, l := range status.Logs {
			stream := Stdout
			if l.Stream == 2 {
				stream = Stderr
			}
			r.output(string(l.Vertex), stream, l.Timestamp, l.Data)
		}
	}
}

func stepOf(v *client.Vertex) Step {
	s := Step{
		ID: string(v.Digest), Name: v.Name, Cached: v.Cached, Error: v.Error,
		StartedAt: timeOf(v.Started), FinishedAt: timeOf(v.Completed),
	}
	for _, in := range v.Inputs {
		s.Inputs = append(s.Inputs, string(in))
	}
	return s
}

func timeOf(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
