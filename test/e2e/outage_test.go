package e2e

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	davit "github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/test/daemon"
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
	t.Run("and Davit with it", func(t *testing.T) {
		s := s.in(t)
		id := s.state().ActiveDeployment.ID
		s.until("it prints", func() bool { return s.printing(1, 10) == nil })
		before := s.gaps(id)
		s.kill()
		must(t, d.Kill(t.Context()))
		must(t, d.Start(t.Context()))
		s.start()
		s.within(5*time.Second, "it is back", s.well)
		s.until("its log says where lines may be missing", func() bool { return s.gaps(id) == before+1 })
		s.kill()
		s.start()
		s.until("it prints", func() bool { return s.printing(11, 10) == nil })
		s.until("what it printed then is there", func() (there bool) {
			s.history(input{"deploymentId": id}, func(l line) { there = there || l.Message == "line 20" })
			return there
		})
		if n := s.gaps(id); n != before+1 {
			t.Errorf("%d gaps after Davit alone was killed, want %d", n, before+1)
		}
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
	t.Run("and gives out an address that leads elsewhere", func(t *testing.T) {
		s := s.in(t)
		impostor(t, d)
		made := s.succeeded(s.request(input{"image": h.app("v2")}).ID)
		s.serves("v2")
		s.ours(1)
		for _, p := range made.Phases {
			if p.Name == lifecycle.PhaseHealthCheck && p.Attempt < 2 {
				t.Error("its address led to it: this test sees nothing")
			}
		}
	})
}

// impostor is what an engine may leave behind that is killed while it starts a
// container: a network of no process, with the address that it gives out next.
// That of the machine is the same by then, because the engine makes it from the
// address.
func impostor(t *testing.T, d *daemon.Daemon) {
	t.Helper()
	networks, err := d.API.NetworkList(t.Context(), client.NetworkListOptions{})
	must(t, err)
	at := slices.IndexFunc(networks.Items, func(n network.Summary) bool { return strings.HasPrefix(n.Name, "davit-env") })
	found, err := d.API.NetworkInspect(t.Context(), networks.Items[at].ID, client.NetworkInspectOptions{})
	must(t, err)
	subnet := found.Network.IPAM.Config[0].Subnet
	taken := map[netip.Addr]bool{}
	for _, c := range found.Network.Containers {
		taken[c.IPv4Address.Addr()] = true
	}
	addr := subnet.Addr().Next().Next() // behind the gateway
	for taken[addr] {
		addr = addr.Next()
	}
	b := addr.As4()
	nobody := exec.CommandContext(t.Context(), "sleep", "infinity")
	nobody.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNET}
	must(t, nobody.Start())
	t.Cleanup(func() { _ = nobody.Wait() }) // it is killed, as its context says
	pid := strconv.Itoa(nobody.Process.Pid)
	inside := []string{"nsenter", "-t", pid, "-n"}
	for _, argv := range [][]string{
		{"ip", "link", "add", "stray", "type", "veth", "peer", "name", "inside", "netns", pid},
		{"ip", "link", "set", "stray", "master", "br-" + found.Network.ID[:12]},
		{"ip", "link", "set", "stray", "up"},
		slices.Concat(inside, []string{"ip", "link", "set", "inside", "address", fmt.Sprintf("02:42:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3])}),
		slices.Concat(inside, []string{"ip", "address", "add", netip.PrefixFrom(addr, subnet.Bits()).String(), "dev", "inside"}),
		slices.Concat(inside, []string{"ip", "link", "set", "inside", "up"}),
	} {
		out, err := exec.CommandContext(t.Context(), argv[0], argv[1:]...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v\n%s", argv, err, out)
		}
	}
	dialer := net.Dialer{Timeout: patience}
	if _, err := dialer.DialContext(t.Context(), "tcp", netip.AddrPortFrom(addr, 8080).String()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("nobody listens at %s: %v", addr, err)
	}
}

// gaps counts the places in what a deployment printed to stdout where lines may
// be missing because the engine was away.
func (s *service) gaps(deployment string) int {
	s.t.Helper()
	var out struct {
		Logs struct{ Gaps []struct{ Reason string } }
	}
	s.do(`query($id:ID!){logs(source:{deploymentId:$id},query:{limit:1000,streams:[STDOUT]}){gaps{reason}}}`, davit.Variables{"id": deployment}, &out)
	for _, g := range out.Logs.Gaps {
		if g.Reason != "ENGINE_AWAY" {
			s.t.Errorf("a gap: %s", g.Reason)
		}
	}
	return len(out.Logs.Gaps)
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
