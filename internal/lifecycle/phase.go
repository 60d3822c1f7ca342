package lifecycle

import (
	"io"
	"slices"
	"time"

	"github.com/davitdev/davit/internal/enum"
)

// PhaseName names a timed part of a deployment.
type PhaseName string

// The phases, in the order they run.
const (
	PhaseQueue           PhaseName = "QUEUE"
	PhaseFetchSource     PhaseName = "FETCH_SOURCE"
	PhaseDetect          PhaseName = "DETECT"
	PhaseBuild           PhaseName = "BUILD"
	PhasePullImage       PhaseName = "PULL_IMAGE"
	PhasePreDeploy       PhaseName = "PRE_DEPLOY"
	PhaseCreateContainer PhaseName = "CREATE_CONTAINER"
	PhaseStart           PhaseName = "START"
	PhaseHealthCheck     PhaseName = "HEALTH_CHECK"
	PhaseSwitchTraffic   PhaseName = "SWITCH_TRAFFIC"
	PhaseDrainOld        PhaseName = "DRAIN_OLD"
	PhaseCleanup         PhaseName = "CLEANUP"
)

var phaseNames = []PhaseName{
	PhaseQueue, PhaseFetchSource, PhaseDetect, PhaseBuild, PhasePullImage, PhasePreDeploy,
	PhaseCreateContainer, PhaseStart, PhaseHealthCheck, PhaseSwitchTraffic, PhaseDrainOld, PhaseCleanup,
}

// PhaseStatus says where a phase is.
type PhaseStatus string

// The statuses of a phase.
const (
	PhasePending   PhaseStatus = "PENDING"
	PhaseRunning   PhaseStatus = "RUNNING"
	PhaseSucceeded PhaseStatus = "SUCCEEDED"
	PhaseFailed    PhaseStatus = "FAILED"
	PhaseSkipped   PhaseStatus = "SKIPPED"
	PhaseCanceled  PhaseStatus = "CANCELED"
)

var phaseStatuses = []PhaseStatus{PhasePending, PhaseRunning, PhaseSucceeded, PhaseFailed, PhaseSkipped, PhaseCanceled}

// Phase is a timed part of a deployment, kept in its row.
type Phase struct {
	Name        PhaseName   `json:"name"`
	Status      PhaseStatus `json:"status"`
	StartedAt   *time.Time  `json:"startedAt,omitempty"`
	FinishedAt  *time.Time  `json:"finishedAt,omitempty"`
	Attempt     int         `json:"attempt"`     // counted from 1
	MaxAttempts int         `json:"maxAttempts"` // 1: never tried again
	Detail      *string     `json:"detail,omitempty"`
	Error       *string     `json:"error,omitempty"`
}

// DurationMs is how long the phase took, nil while it runs.
func (p Phase) DurationMs() *int {
	if p.StartedAt == nil || p.FinishedAt == nil {
		return nil
	}
	ms := int(p.FinishedAt.Sub(*p.StartedAt).Milliseconds())
	return &ms
}

// Phases is the ladder of a deployment: what ran, in order.
type Phases []Phase

// Begin returns the ladder with name running since at. A phase that ran
// before, in an attempt that was cut short, runs again as its next attempt.
func (ps Phases) Begin(name PhaseName, at time.Time, maxAttempts int) Phases {
	out := slices.Clone(ps)
	if i := out.index(name); i >= 0 {
		out[i] = Phase{Name: name, Status: PhaseRunning, StartedAt: &at, Attempt: out[i].Attempt + 1, MaxAttempts: max(maxAttempts, out[i].Attempt+1)}
		return out
	}
	return append(out, Phase{Name: name, Status: PhaseRunning, StartedAt: &at, Attempt: 1, MaxAttempts: max(1, maxAttempts)})
}

// End returns the ladder with name ended as s at the time at. detail may be
// empty. Ending a phase that does not run changes nothing.
func (ps Phases) End(name PhaseName, s PhaseStatus, at time.Time, detail string) Phases {
	i := ps.index(name)
	if i < 0 || ps[i].Status != PhaseRunning {
		return ps
	}
	out := slices.Clone(ps)
	out[i].Status, out[i].FinishedAt = s, &at
	if detail != "" {
		if s == PhaseFailed {
			out[i].Error = &detail
		} else {
			out[i].Detail = &detail
		}
	}
	return out
}

// EndAll ends whatever runs as s.
func (ps Phases) EndAll(s PhaseStatus, at time.Time, detail string) Phases {
	for _, p := range ps {
		ps = ps.End(p.Name, s, at, detail)
	}
	return ps
}

// Current returns the name of the phase that runs or ran last, "" before any.
func (ps Phases) Current() PhaseName {
	for i := len(ps) - 1; i >= 0; i-- {
		if ps[i].Status == PhaseRunning {
			return ps[i].Name
		}
	}
	if len(ps) == 0 {
		return ""
	}
	return ps[len(ps)-1].Name
}

// Succeeded reports whether name is done.
func (ps Phases) Succeeded(name PhaseName) bool {
	i := ps.index(name)
	return i >= 0 && ps[i].Status == PhaseSucceeded
}

// Running reports whether name runs.
func (ps Phases) Running(name PhaseName) bool {
	i := ps.index(name)
	return i >= 0 && ps[i].Status == PhaseRunning
}

func (ps Phases) index(name PhaseName) int {
	return slices.IndexFunc(ps, func(p Phase) bool { return p.Name == name })
}

func (PhaseName) Values() []string              { return enum.Strings(phaseNames) }
func (n PhaseName) MarshalGQL(w io.Writer)      { enum.Write(w, n) }
func (n *PhaseName) UnmarshalGQL(v any) error   { return enum.Read(n, v, phaseNames) }
func (PhaseStatus) Values() []string            { return enum.Strings(phaseStatuses) }
func (s PhaseStatus) MarshalGQL(w io.Writer)    { enum.Write(w, s) }
func (s *PhaseStatus) UnmarshalGQL(v any) error { return enum.Read(s, v, phaseStatuses) }
