package worker

import (
	"context"
	"net"
	"net/netip"
	"testing"

	"github.com/davitdev/davit/internal/store/storetest"
	"github.com/davitdev/davit/runner"
)

// gateway is an engine whose networks have an address of the host.
type gateway struct {
	runner.Runner
	addr    netip.Addr
	created func(runner.Spec)
}

func (g *gateway) EnsureNetwork(ctx context.Context, name string) (runner.Network, error) {
	n, err := g.Runner.EnsureNetwork(ctx, name)
	n.Gateway = g.addr
	return n, err
}

func (g *gateway) Networks(ctx context.Context) ([]runner.Network, error) {
	list, err := g.Runner.Networks(ctx)
	for i := range list {
		list[i].Gateway = g.addr
	}
	return list, err
}

func (g *gateway) Create(ctx context.Context, s runner.Spec) (runner.Container, error) {
	g.created(s)
	return g.Runner.Create(ctx, s)
}

// The first application of an environment asks for names as soon as it starts.
func TestNameServerListensBeforeTheFirstContainer(t *testing.T) {
	t.Parallel()

	h := newHouse(t, storetest.SQLite(t))
	addr := netip.AddrFrom4([4]byte{127, 66, 7, 1})
	var made int
	h.engine = &gateway{Runner: h.fake, addr: addr, created: func(s runner.Spec) {
		made++
		if len(s.Names) == 0 { // who may not listen on port 53 says so
			return
		}
		conn, err := (&net.Dialer{}).DialContext(h.ctx, "tcp", netip.AddrPortFrom(addr, dnsPort).String())
		if err != nil {
			t.Errorf("the container is to ask %s, where nobody listens: %v", s.Names[0], err)
			return
		}
		conn.Close()
	}}
	p := h.start()
	i := h.service(h.version("v1", nil), nil)
	h.deploy(i, "")
	p.stop()
	if made == 0 || !p.Router.listening[addr] {
		t.Errorf("%d containers, name servers %v", made, p.Router.listening)
	}
}

// Somebody else has port 53 of the network, or we may not have it.
func TestAnEnvironmentWhoseNameServerCannotListenIsNamed(t *testing.T) {
	t.Parallel()

	h := newHouse(t, storetest.SQLite(t))
	addr := netip.AddrFrom4([4]byte{127, 66, 7, 2})
	var lc net.ListenConfig
	if ln, err := lc.Listen(h.ctx, "tcp", netip.AddrPortFrom(addr, dnsPort).String()); err == nil { // else the proxy may not either
		defer ln.Close()
	}
	var names []netip.Addr
	h.engine = &gateway{Runner: h.fake, addr: addr, created: func(s runner.Spec) { names = append(names, s.Names...) }}
	p := h.start()
	i := h.service(h.version("v1", nil), nil)
	h.deploy(i, "")
	p.stop()
	got := p.Router.Problems()
	if len(got) != 1 || got[0].EnvironmentID != i.EnvironmentID || got[0].Message == "" {
		t.Errorf("the problems are %+v, want one of %s", got, i.EnvironmentID)
	}
	if len(names) != 0 {
		t.Errorf("a container is to ask %v, where nobody of ours listens", names)
	}
}
