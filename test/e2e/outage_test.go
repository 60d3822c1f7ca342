package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/lifecycle"
)

// An engine that dies takes its containers with it when it returns. They are
// back five seconds later; what was under way meanwhile ends.
func TestTheEngineIsKilled(t *testing.T) {
	d := aside(t, nil)
	if d == nil {
		return
	}
	h := newHouse(t)
	s := h.web("outage")
	s.succeeded(s.request(nil).ID)

	t.Run("at rest", func(t *testing.T) {
		s := s.in(t)
		must(t, d.Kill(t.Context()))
		must(t, d.Start(t.Context()))
		s.within(5*time.Second, "it is back", s.well)
		s.ours(1)
	})
	t.Run("with all it runs, and a deployment under way", func(t *testing.T) {
		s := s.in(t)
		id := s.request(input{"image": h.app("v2")}).ID
		s.until("the deployment is under way", func() bool { return s.deployment(id).Status != lifecycle.Queued })
		must(t, d.KillAll(t.Context()))
		must(t, d.Start(t.Context()))
		s.succeeded(id)
		s.within(5*time.Second, "the new version answers", func() bool { _, body := s.answer("/"); return body == "v2" })
		s.ours(1)
	})
	t.Run("with all it runs, and a command before a deployment", func(t *testing.T) {
		s := s.in(t)
		s.settings(input{"preDeployCommand": []string{"/app", "-listen", "none", "-print", "1", "-exit-after", "3s"}})
		id := s.request(input{"image": h.app("v1")}).ID
		ran := func() (n int) {
			s.history(input{"deploymentId": id}, func(l line) {
				if l.Stream == "STDOUT" && l.Message == "line 1" {
					n++
				}
			})
			return n
		}
		s.until("the command runs", func() bool { return ran() == 1 })
		must(t, d.KillAll(t.Context()))
		must(t, d.Start(t.Context()))
		s.succeeded(id)
		if n := ran(); n != 2 {
			t.Errorf("the command ran %d times", n)
		}
		s.within(5*time.Second, "the new version answers", s.well)
		s.ours(1)
	})
}

// well reports whether the service answers and says so in the API.
func (s *service) well() bool {
	status, body := s.answer("/")
	return status == http.StatusOK && body == "v1"
}

// in is s for a subtest.
func (s *service) in(t *testing.T) *service {
	mine := *s
	mine.house = s.house.in(t)
	return &mine
}
