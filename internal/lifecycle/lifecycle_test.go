package lifecycle_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/fault"
	. "github.com/davitdev/davit/internal/lifecycle"
)

func TestStatusCanMove(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name     string
		from, to Status
		want     bool
	}{
		{"a queued deployment may begin", Queued, Preparing, true},
		{"a step that runs again repeats its last write", Building, Building, true},
		{"an image needs no build", Preparing, Deploying, true},
		{"nothing serves before it was started", Building, Finalizing, false},
		{"no way leads back", Deploying, Building, false},
		{"the end is the end", Completed, Queued, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tt.from.CanMove(tt.to); got != tt.want {
				t.Errorf("%s.CanMove(%s) = %t, want %t", tt.from, tt.to, got, tt.want)
			}
		})
	}
}

// No deployment can hang in a status that has no way out.
func TestEveryStatusCanEnd(t *testing.T) {
	t.Parallel()

	for _, v := range Status("").Values() {
		s := Status(v)
		if !s.Final() && !s.CanMove(Completed) {
			t.Errorf("%s cannot end", s)
		}
		ends := 0
		for _, c := range Conclusion("").Values() {
			if s.CanConclude(Conclusion(c)) {
				ends++
			}
		}
		if s.Final() != (ends == 0) {
			t.Errorf("%s has %d conclusions", s, ends)
		}
	}
	if Finalizing.CanConclude(Canceled) || Finalizing.CanConclude(Failed) {
		t.Error("a deployment that serves can only succeed")
	}
}

func TestPhases(t *testing.T) {
	t.Parallel()

	t0 := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	ps := Phases(nil).Begin(PhaseQueue, t0, 1).End(PhaseQueue, PhaseSucceeded, t0.Add(time.Second), "")
	ps = ps.Begin(PhasePullImage, t0.Add(time.Second), 3)
	before := ps
	ps = ps.Begin(PhasePullImage, t0.Add(2*time.Second), 3) // killed and run again
	if got := ps[1].Attempt; got != 2 || len(ps) != 2 {
		t.Errorf("a phase that runs again is attempt %d of %d rows, want attempt 2 of the same row", got, len(ps))
	}
	if before[1].Attempt != 1 {
		t.Error("Begin changed the ladder it was called on")
	}
	if ps.Current() != PhasePullImage {
		t.Errorf("current is %s", ps.Current())
	}
	ps = ps.EndAll(PhaseFailed, t0.Add(3*time.Second), "no such image")
	if p := ps[1]; p.Status != PhaseFailed || p.Error == nil || *p.DurationMs() != 1000 {
		t.Errorf("got %+v", p)
	}
	if p := ps[0]; p.Status != PhaseSucceeded {
		t.Errorf("a phase that had ended became %s", p.Status)
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()

	exit := 3
	err := fmt.Errorf("start: %w", &AppError{
		Err:      fault.New(fault.AppExited, "The application exited with code 3.").WithHint("Read its last lines."),
		ExitCode: &exit,
		Excerpt:  make([]ExcerptLine, 50),
	})
	f := Explain(err, PhaseStart)
	if f.Code != fault.AppExited || f.Domain != fault.User || f.Retryable || *f.ExitCode != 3 || len(f.Excerpt) != ExcerptLines || f.Hint == nil {
		t.Errorf("got %+v", f)
	}
	if f := Explain(errors.New("pq: password authentication failed"), ""); f.Domain != fault.Platform || strings.Contains(f.Message, "pq") {
		t.Errorf("an internal error shows %q", f.Message)
	}
}

func TestDerive(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name   string
		facts  Facts
		want   InstanceStatus
		health Health
	}{
		{"nothing was ever deployed", Facts{Wanted: 1}, NotDeployed, HealthUnknown},
		{"the first deployment is under way", Facts{Wanted: 1, Deploying: true}, InstanceDeploying, HealthStarting},
		{"all replicas answer", Facts{Active: true, Wanted: 2, Healthy: 2}, InstanceRunning, HealthHealthy},
		{"a newer deployment changes nothing for the one that serves", Facts{Active: true, Deploying: true, Wanted: 1, Healthy: 1}, InstanceRunning, HealthHealthy},
		{"a process beside the service is down", Facts{Active: true, Wanted: 1, Healthy: 1, Missing: 1}, InstanceDegraded, HealthHealthy},
		{"one of two is down", Facts{Active: true, Wanted: 2, Healthy: 1}, InstanceDegraded, HealthHealthy},
		{"none answers yet", Facts{Active: true, Wanted: 2, Starting: 1}, InstanceDegraded, HealthStarting},
		{"none answers", Facts{Active: true, Wanted: 1}, InstanceCrashed, HealthUnhealthy},
		{"a person stopped it", Facts{Active: true, Stopped: true, Wanted: 1}, InstanceStopped, HealthUnknown},
		{"it is being deleted", Facts{Deleting: true, Active: true, Healthy: 1}, InstanceDeleting, HealthUnknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got, health := Derive(tt.facts); got != tt.want || health != tt.health {
				t.Errorf("got %s, %s; want %s, %s", got, health, tt.want, tt.health)
			}
		})
	}
}

func TestBackoff(t *testing.T) {
	t.Parallel()

	for n, want := range map[int]time.Duration{-1: time.Second, 1: time.Second, 3: 4 * time.Second, 6: 32 * time.Second, 99: time.Minute} {
		if got := Backoff(n); got != want {
			t.Errorf("Backoff(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestWhatIsOnlyLoadedAndExportedIsFromTheCache(t *testing.T) {
	t.Parallel()

	load := BuildStep{Name: "[internal] load metadata", Status: PhaseSucceeded}
	from := BuildStep{Name: "[1/2] FROM app", Status: PhaseSucceeded, Cached: true}
	run := BuildStep{Name: "[2/2] RUN make", Inputs: []string{"from"}, Status: PhaseSucceeded, Cached: true}
	anew, under := run, load
	anew.Cached, under.Status = false, PhaseRunning
	for _, tt := range []struct {
		name  string
		steps []BuildStep
		want  bool
	}{
		{"a build that ran nothing", []BuildStep{load, from, run, load}, true},
		{"a build that ran a step", []BuildStep{load, from, anew, load}, false},
		{"a build under way", []BuildStep{from, run, under}, false},
		{"no build", nil, false},
	} {
		if got := AllCached(tt.steps); got != tt.want {
			t.Errorf("%s: %t", tt.name, got)
		}
	}
}
