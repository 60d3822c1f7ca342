package e2e

import (
	"testing"
	"time"
)

func TestTenDeploysInARowUnderLoadDropNoRequest(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.service("load", image(h.app("v1")), nil)
	first := s.succeeded(s.request(nil).ID)
	hammer := s.hammer(20, 20*time.Millisecond, "v1", "v2")
	for i := range 10 {
		version := []string{"v2", "v1"}[i%2]
		d := s.deploy(s.app(version))
		s.serves(version)
		if d.URL == nil || !d.IsActive {
			t.Errorf("deployment #%d is live, and the API shows %+v", d.Number, d)
		}
		switch i {
		case 2:
			s.scale(3)
		case 4: // with three replicas
			back := s.succeeded(s.rollback(first.ID).ID)
			s.serves("v1")
			if len(s.state().Replicas) != 3 {
				t.Errorf("deployment #%d went back to %d replicas, not today's 3", back.Number, len(s.state().Replicas))
			}
		case 6:
			s.scale(1)
		}
	}
	s.ours(1)
	if n := hammer.stop(); n < 1000 {
		t.Errorf("only %d requests were sent", n)
	} else {
		t.Logf("%d requests", n)
	}
}
