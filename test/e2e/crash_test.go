package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/lifecycle"
)

// davit serve is killed while a deployment that replaces another is in a
// phase. The next one finishes what the first began, and nobody who uses the
// application notices.
func TestKillInEveryPhase(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct {
		name string
		// begin asks for deployments and returns them once the last is in the
		// phase; the last one answers with "next".
		begin func(s *service) (asked []string, then func())
	}{
		{"while it is queued", func(s *service) ([]string, func()) {
			s.inOrder()
			s.set(variable("APP_VERSION", "next"), variable("APP_UNHEALTHY_FOR", "6s"))
			ahead := s.request(nil)
			d := s.request(nil)
			s.reaches(ahead.ID, func(d deployment) bool { return d.running(lifecycle.PhaseHealthCheck) })
			s.reaches(d.ID, func(d deployment) bool { return d.Status == lifecycle.Queued })
			return []string{ahead.ID, d.ID}, nil
		}},
		{"at once after it was asked for", func(s *service) ([]string, func()) {
			s.set(variable("APP_VERSION", "next"))
			return []string{s.request(nil).ID}, nil
		}},
		{"while its image is pulled", func(s *service) ([]string, func()) {
			registry := s.slowRegistry()
			s.set(variable("APP_VERSION", "next"))
			d := s.request(input{"image": registry.image(s.house, "v2")})
			s.reaches(d.ID, func(d deployment) bool { return d.running(lifecycle.PhasePullImage) && registry.asked.Load() > 0 })
			return []string{d.ID}, registry.open
		}},
		{"while its image is built", func(s *service) ([]string, func()) {
			s.set(variable("APP_VERSION", "next"))
			d := s.request(input{"artifactId": s.send(s.dockerfile(s.slowBuild("next", 3)))})
			s.reaches(d.ID, func(d deployment) bool { return d.running(lifecycle.PhaseBuild) })
			f := s.feed(input{"deploymentId": d.ID})
			f.until(func(l line) bool { return l.Stream == "BUILD" && strings.HasPrefix(l.Message, "building next") })
			return []string{d.ID}, nil
		}},
		{"before it is healthy", func(s *service) ([]string, func()) {
			s.set(variable("APP_VERSION", "next"), variable("APP_UNHEALTHY_FOR", "6s"))
			d := s.request(nil)
			s.reaches(d.ID, func(d deployment) bool { return d.running(lifecycle.PhaseHealthCheck) })
			return []string{d.ID}, nil
		}},
		{"while the replaced one drains", func(s *service) ([]string, func()) {
			s.set(variable("APP_VERSION", "next"))
			slow := s.after(func() error { return s.slowly(6000, "first") })
			s.feed(input{"serviceInstanceId": s.instance}).until(func(l line) bool { return l.Message == "slow request" })
			d := s.request(nil)
			s.reaches(d.ID, func(d deployment) bool { return d.running(lifecycle.PhaseDrainOld) })
			return []string{d.ID}, func() { <-slow }
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			source := image(h.app("v1"))
			s := h.service("crash", source, func(in input) { in["variables"] = []input{variable("APP_VERSION", "first")} })
			first := s.succeeded(s.request(nil).ID)
			hammer := s.hammer(4, 20*time.Millisecond, "first", "next")

			asked, then := tt.begin(s)
			h.kill()
			sent := hammer.sent.Load()
			s.until("requests are answered without a control plane", func() bool { return hammer.sent.Load() > sent+40 })
			h.start()
			if then != nil {
				then()
			}
			for _, id := range asked {
				s.succeeded(id)
			}
			last := asked[len(asked)-1]
			s.serves("next")
			s.ours(1)
			if n := hammer.stop(); n < 50 {
				t.Errorf("only %d requests were sent", n)
			}
			if active := s.state().ActiveDeployment; active == nil || active.ID != last {
				t.Errorf("%+v is active, want %s", active, last)
			}
			for _, id := range append(asked[:len(asked)-1], first.ID) {
				s.until("its replicas are gone", func() bool { return gone(s.deployment(id)) })
			}
		})
	}
}

// gone reports whether a deployment serves no more and has no container.
func gone(d deployment) bool {
	for _, r := range d.Replicas {
		if r.Status != lifecycle.ReplicaRemoved {
			return false
		}
	}
	return !d.IsActive
}
