package e2e

import (
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/proxy"
	"github.com/davitdev/davit/test/traffic"
)

// whole reports whether all of a long test is asked for, by TEST_<NAME>=full.
func whole(t *testing.T, name string) bool {
	t.Helper()
	switch v := os.Getenv(name); v {
	case "full":
		return true
	case "":
		return false
	default:
		t.Fatalf("%s is %q, want full", name, v)
		return false
	}
}

var oneLoud sync.Mutex

// loud waits for its turn among the tests that keep a processor busy.
func loud(t *testing.T) {
	t.Helper()
	oneLoud.Lock()
	t.Cleanup(oneLoud.Unlock)
}

// traffic begins to send requests of every kind to a service. What fails fails
// the test, when it is stopped.
func (s *service) traffic(connections int, versions ...string) (t *traffic.Traffic, stop func() traffic.Report) {
	s.t.Helper()
	t = traffic.Start(s.ctx, traffic.Options{
		Addr: s.srv.Apps, Host: s.host, Connections: connections, Pace: 50 * time.Millisecond, Length: 2 * time.Second, Versions: versions,
	})
	done := false
	stop = func() traffic.Report {
		done = true
		r := t.Stop()
		for _, f := range r.Failures {
			s.t.Error(f)
		}
		if r.Failed > 0 {
			s.t.Errorf("%d of %d requests failed", r.Failed, r.All())
		}
		s.t.Logf("%v, slowest %s; websockets that were asked back: %d to another deployment, %d to the same", r.Sent, r.Slowest.Round(time.Millisecond), r.Returned, r.Same)
		return r
	}
	s.t.Cleanup(func() {
		if !done {
			t.Stop()
		}
	})
	return t, stop
}

// P4, P9: no request is dropped by deployments, rollbacks, changes of scale and
// deployments that fail, while davit serve is killed and started again.
//
// TEST_TRAFFIC=full has ten times as many.
func TestNoRequestIsDropped(t *testing.T) {
	t.Parallel()
	loud(t)
	connections, deploys, rollbacks, scales, failing := 24, 4, 1, 1, 1
	if whole(t, "TEST_TRAFFIC") {
		connections, deploys, rollbacks, scales, failing = 64, 50, 10, 5, 3
	}
	h := newHouse(t)
	s := h.service("traffic", image(h.app("v1")), func(in input) {
		in["variables"] = []input{variable("APP_VERSION", "v0")}
		in["settings"].(input)["drainTimeout"] = "PT4S" // longer than anything but a websocket takes
	})
	previous := s.succeeded(s.request(nil).ID)
	traffic, stop := s.traffic(connections, "v0")
	now := "v0"
	change := func(to string, kill bool, ask func() deployment) deployment {
		traffic.Expect(now, to)
		d := ask()
		if kill {
			h.kill()
			h.start()
		}
		d = s.succeeded(d.ID)
		now = to
		traffic.Expect(now)
		return d
	}

	every := func(n int) int { return (deploys + n - 1) / n } // deployments between two of n
	for i := 1; i <= deploys; i++ {
		before, version := now, fmt.Sprintf("v%d", i)
		s.set(variable("APP_VERSION", version))
		latest := change(version, i%3 == 0, func() deployment { return s.request(nil) })
		if i%every(rollbacks) == 0 {
			change(before, i%2 == 0, func() deployment { return s.rollback(previous.ID) })
			latest = change(version, false, func() deployment { return s.rollback(latest.ID) })
		}
		previous = latest
		if i%every(scales) == 0 {
			s.scale(3)
			s.scale(1)
		}
		if i%every(failing) == 0 {
			s.settings(input{"healthCheck": input{"kind": "HTTP", "path": "/nowhere", "startPeriod": "PT1S", "interval": "PT1S", "timeout": "PT1S"}})
			if d := s.completed(s.request(nil).ID); *d.Conclusion != lifecycle.Failed {
				t.Errorf("what cannot be healthy ended as %s", *d.Conclusion)
			}
			s.settings(input{"healthCheck": quick()})
		}
		if traffic.Failed() > 0 {
			t.Errorf("deployment %d dropped requests", i)
			break
		}
	}
	if r := stop(); r.Returned == 0 {
		t.Error("no websocket was asked to come back")
	}
}

// A proxy that is replaced hands its listener over, with what is under way.
func TestNoRequestIsDroppedByANewProxy(t *testing.T) {
	t.Parallel()
	loud(t)
	times := 1
	if whole(t, "TEST_TRAFFIC") {
		times = 10
	}
	h := newHouse(t)
	s := h.service("proxy", image(h.app("v1")), func(in input) { in["settings"].(input)["drainTimeout"] = "PT4S" })
	s.succeeded(s.request(nil).ID)
	traffic, stop := s.traffic(24, "v1")
	for range times {
		before := h.proxy()
		successor := h.srv.Command(h.ctx, "proxy", "--data", h.srv.Data, "--listen", h.srv.Apps)
		if err := successor.Start(); err != nil {
			t.Fatal(err)
		}
		go func() { _ = successor.Wait() }() // davit stop ends it
		h.until("another process serves", func() bool { now := h.proxy(); return now != 0 && now != before })
		sent := traffic.Sent()
		h.until("requests go through it", func() bool { return traffic.Sent() > sent+500 })
		traffic.Expect("v1", "v2")
		s.deploy(h.app("v2"))
		s.deploy(h.app("v1"))
		traffic.Expect("v1")
	}
	if r := stop(); r.Returned+r.Same == 0 {
		t.Error("no websocket was asked to come back")
	}
}

// proxy is the process that serves, 0 if the one that was asked just left.
func (h *house) proxy() int {
	h.t.Helper()
	hello, err := proxy.NewClient(h.srv.Data).Hello(h.ctx)
	if err != nil && !fault.Is(err, fault.Unavailable) {
		h.t.Fatal(err)
	}
	return hello.PID
}
