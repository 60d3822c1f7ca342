package e2e

import (
	"testing"
	"time"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/spec"
)

// cancelLimit is what is promised for a cancel before the switch: the grace of
// a replica that never served, and five seconds.
const cancelLimit = spec.StopGrace + 5*time.Second

// One after the other: what is promised within seconds is promised to a machine
// that has time for it.
func TestCancel(t *testing.T) {
	h := newHouse(t)

	for _, tt := range []struct {
		name  string
		begin func(s *service) (id string)
	}{
		{"while it is queued", func(s *service) string {
			s.inOrder()
			registry := s.slowRegistry()
			ahead := s.request(input{"image": registry.image(s.house, "v2")})
			s.reaches(ahead.ID, func(d deployment) bool { return d.running(lifecycle.PhasePullImage) })
			return s.request(nil).ID
		}},
		{"while its image is pulled", func(s *service) string {
			registry := s.slowRegistry()
			d := s.request(input{"image": registry.image(s.house, "v2")})
			s.reaches(d.ID, func(d deployment) bool { return d.running(lifecycle.PhasePullImage) && registry.asked.Load() > 0 })
			return d.ID
		}},
		{"while its image is built", func(s *service) string {
			d := s.request(input{"artifactId": s.send(s.dockerfile(s.slowBuild("never", 60)))})
			s.feed(input{"deploymentId": d.ID}).until(func(l line) bool { return l.Stream == "BUILD" && l.Message != "" })
			s.reaches(d.ID, func(d deployment) bool { return d.running(lifecycle.PhaseBuild) })
			return d.ID
		}},
		{"before it is healthy", func(s *service) string {
			s.set(variable("APP_UNHEALTHY_FOR", "-1s"))
			d := s.request(nil)
			s.reaches(d.ID, func(d deployment) bool { return d.running(lifecycle.PhaseHealthCheck) })
			return d.ID
		}},
		{"before it is healthy, and it ignores SIGTERM", func(s *service) string {
			s.set(variable("APP_UNHEALTHY_FOR", "-1s"), variable("APP_IGNORE_TERM", "true"))
			d := s.request(nil)
			s.reaches(d.ID, func(d deployment) bool { return d.running(lifecycle.PhaseHealthCheck) })
			return d.ID
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := h.in(t).web("cancel")
			first := s.deploy(s.app("v1"))
			id := tt.begin(s)
			began := time.Now()
			s.cancel(id)
			d := s.endsWithin(id, cancelLimit)
			t.Logf("it took %s", time.Since(began).Round(time.Millisecond))
			if *d.Conclusion != lifecycle.Canceled || d.Failure == nil || d.Failure.Code != fault.Canceled || d.Failure.Message == "" {
				t.Errorf("it ended as %s: %+v", *d.Conclusion, d.Failure)
			}
			if !gone(d) {
				t.Errorf("it left %+v", d.Replicas)
			}
			s.serves("v1")
			if active := s.state().ActiveDeployment; active == nil || active.ID != first.ID {
				t.Errorf("%+v is active, want %s", active, first.ID)
			}
		})
	}

	t.Run("what is live is not canceled", func(t *testing.T) {
		s := h.in(t).web("live")
		d := s.deploy(s.app("v1"))
		var out struct{}
		err := s.api.Do(s.ctx, `mutation($input:CancelDeploymentInput!){cancelDeployment(input:$input){deployment{id}}}`,
			input{"input": input{"deploymentId": d.ID}}, &out)
		if !fault.Is(err, fault.AlreadyLive) {
			t.Errorf("got %v, want ALREADY_LIVE", err)
		}
		s.serves("v1")
	})

	t.Run("a newer one takes the turn of those that wait and of one that prepares", func(t *testing.T) {
		s := h.in(t).web("supersede")
		s.set(variable("APP_UNHEALTHY_FOR", "6s"))
		deploying := s.request(nil)
		s.reaches(deploying.ID, func(d deployment) bool { return d.Status == lifecycle.Deploying })
		waits := s.request(input{"image": s.app("v2")})
		registry := s.slowRegistry()
		prepares := s.request(input{"image": registry.image(s.house, "v2")})
		if d := s.completed(waits.ID); *d.Conclusion != lifecycle.Skipped || d.Failure.Code != fault.Superseded {
			t.Errorf("one that waited ended as %s: %+v", *d.Conclusion, d.Failure)
		}
		s.succeeded(deploying.ID) // it had got too far
		s.reaches(prepares.ID, func(d deployment) bool { return d.running(lifecycle.PhasePullImage) })
		newest := s.request(input{"image": s.app("v2")})
		if d := s.endsWithin(prepares.ID, cancelLimit); *d.Conclusion != lifecycle.Canceled || d.Failure.Code != fault.Superseded {
			t.Errorf("one that prepared ended as %s: %+v", *d.Conclusion, d.Failure)
		}
		s.succeeded(newest.ID)
		s.serves("v2")
	})
}
