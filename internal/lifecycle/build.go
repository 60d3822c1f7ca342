package lifecycle

import (
	"io"
	"time"

	"github.com/davitdev/davit/internal/enum"
)

// BuildStatus says where a build is.
type BuildStatus string

// The statuses of a build.
const (
	BuildQueued    BuildStatus = "QUEUED"
	BuildRunning   BuildStatus = "RUNNING"
	BuildSucceeded BuildStatus = "SUCCEEDED"
	BuildFailed    BuildStatus = "FAILED"
	BuildCanceled  BuildStatus = "CANCELED"
	BuildTimedOut  BuildStatus = "TIMED_OUT"
)

var buildStatuses = []BuildStatus{BuildQueued, BuildRunning, BuildSucceeded, BuildFailed, BuildCanceled, BuildTimedOut}

func (BuildStatus) Values() []string            { return enum.Strings(buildStatuses) }
func (s BuildStatus) MarshalGQL(w io.Writer)    { enum.Write(w, s) }
func (s *BuildStatus) UnmarshalGQL(v any) error { return enum.Read(s, v, buildStatuses) }

// BuildStep is one vertex of a build's graph.
type BuildStep struct {
	ID         string      `json:"id"`
	Name       string      `json:"name"`
	Inputs     []string    `json:"inputs,omitempty"`
	Status     PhaseStatus `json:"status"`
	Cached     bool        `json:"cached"`
	StartedAt  *time.Time  `json:"startedAt,omitempty"`
	FinishedAt *time.Time  `json:"finishedAt,omitempty"`
	Error      *string     `json:"error,omitempty"`
}

// AllCached reports whether a build of these steps has ended and had nothing to
// run: a step without inputs is there to load or to export.
func AllCached(steps []BuildStep) bool {
	for _, s := range steps {
		if !s.Cached && (len(s.Inputs) > 0 || s.Status != PhaseSucceeded) {
			return false
		}
	}
	return len(steps) > 0
}
