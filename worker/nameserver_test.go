package worker

import (
	"context"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
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

// Both have port 53 of one address, one after the other.
func TestNameServersOnAnAddressOfTheHost(t *testing.T) { //nolint:tparallel // see above
	t.Parallel()

	if os.Geteuid() != 0 {
		t.Skip("port 53 needs root")
	}
	t.Run("one listens before the first container", listensBeforeTheFirstContainer)
	t.Run("one that listens later is no problem any more", listensLater)
}

// The first application of an environment asks for names as soon as it starts.
func listensBeforeTheFirstContainer(t *testing.T) {
	h := newHouse(t, storetest.SQLite(t))
	addr := netip.AddrFrom4([4]byte{127, 0, 0, 1}) // an interface has it
	var made, asked int
	h.engine = &gateway{Runner: h.fake, addr: addr, created: func(s runner.Spec) {
		made++
		if len(s.Names) == 0 {
			return
		}
		asked++
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
	if made == 0 || asked != made || !p.Router.listening[addr] {
		t.Errorf("%d containers, %d of which ask for names, name servers %v", made, asked, p.Router.listening)
	}
}

// The proxy goes on trying, and once it listens there is no problem any more.
func listensLater(t *testing.T) {
	h := newHouse(t, storetest.SQLite(t))
	addr := netip.AddrFrom4([4]byte{127, 0, 0, 1}) // an interface has it
	ln, err := (&net.ListenConfig{}).Listen(h.ctx, "tcp", netip.AddrPortFrom(addr, dnsPort).String())
	if err != nil {
		t.Fatal(err)
	}
	h.engine = &gateway{Runner: h.fake, addr: addr, created: func(runner.Spec) {}}
	p := h.start()
	h.deploy(h.service(h.version("v1", nil), nil), "")
	network := runner.Network{Gateway: addr}
	if got := p.Router.Problems(); len(got) != 1 || len(p.Router.NameServers(network)) != 0 {
		t.Errorf("somebody else has its port, and the problems are %+v", got)
	}
	ln.Close()
	h.until("it is no problem any more", func() bool { return len(p.Router.Problems()) == 0 })
	if got := p.Router.NameServers(network); len(got) != 1 || got[0] != addr {
		t.Errorf("containers are to ask %v", got)
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

// A network that the engine did not tell of while it was away gets its name
// server, also when somebody pushed the table of the same version meanwhile.
func TestATableOfEarlierNetworksIsReplaced(t *testing.T) {
	t.Parallel()

	h := newHouse(t, storetest.SQLite(t))
	addr := netip.AddrFrom4([4]byte{127, 66, 7, 2})
	engine := &deaf{Runner: &gateway{Runner: h.fake, addr: addr}}
	h.engine = engine
	r := h.idle().Router
	sync := func() {
		t.Helper()
		if err := r.Sync(h.ctx); err != nil {
			t.Fatal(err)
		}
	}
	sync()
	engine.now.Store(true)
	h.service(h.version("v1", nil), nil)
	if _, err := h.fake.EnsureNetwork(h.ctx, "net"); err != nil {
		t.Fatal(err)
	}
	sync()
	version, err := h.verbs.RoutesVersion(h.ctx)
	if err != nil {
		t.Fatal(err)
	}
	compare := func() {
		t.Helper()
		if err := r.compareNetworks(h.ctx); err != nil {
			t.Fatal(err)
		}
	}
	if compare(); r.listening[addr] {
		t.Fatal("the engine told of it")
	}
	if now, err := h.verbs.RoutesVersion(h.ctx); err != nil || now != version {
		t.Errorf("without news of the engine the version goes from %d to %d, %v", version, now, err)
	}
	engine.now.Store(false)
	sync()
	if compare(); r.settled(h.ctx) {
		t.Error("a table of earlier networks counts as that of the rows")
	}
	sync()
	if compare(); r.stale || !r.listening[addr] {
		t.Errorf("name servers: %v", r.listening)
	}
}

// late is an engine whose networks have addresses of the host, by name. It
// answers one question for them late, with those there were when it was asked.
type late struct {
	runner.Runner
	addrs   map[string]netip.Addr
	asked   chan struct{}
	answer  chan struct{}
	delayed atomic.Bool // the next one
}

func (l *late) EnsureNetwork(ctx context.Context, name string) (runner.Network, error) {
	n, err := l.Runner.EnsureNetwork(ctx, name)
	n.Gateway = l.addrs[name]
	return n, err
}

func (l *late) Networks(ctx context.Context) ([]runner.Network, error) {
	list, err := l.Runner.Networks(ctx)
	for i := range list {
		list[i].Gateway = l.addrs[list[i].Name]
	}
	if l.delayed.CompareAndSwap(true, false) {
		close(l.asked)
		<-l.answer
	}
	return list, err
}

// Two environments begin at once: what the engine was asked for the first does
// not tell of the second.
func TestANetworkThatIsMadeWhileTheEngineIsAskedGetsItsNameServer(t *testing.T) {
	t.Parallel()

	h := newHouse(t, storetest.SQLite(t))
	engine := &late{Runner: h.fake, asked: make(chan struct{}), answer: make(chan struct{}), addrs: map[string]netip.Addr{
		"first": netip.AddrFrom4([4]byte{127, 66, 7, 4}), "second": netip.AddrFrom4([4]byte{127, 66, 7, 5}),
	}}
	h.engine = engine
	r := h.idle().Router
	if err := r.Sync(h.ctx); err != nil {
		t.Fatal(err)
	}
	listen := func(name string) (runner.Network, <-chan error) {
		t.Helper()
		n, err := engine.EnsureNetwork(h.ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		if names := r.NameServers(n); len(names) != 0 {
			t.Errorf("a container is to ask %v, where nobody listens yet", names)
		}
		done := make(chan error, 1)
		go func() { done <- r.Listen(h.ctx, n) }()
		return n, done
	}
	engine.delayed.Store(true)
	_, first := listen("first")
	<-engine.asked
	unlock := h.lockFile() // the second waits for the database, and the first is done before
	second, done := listen("second")
	h.until("the second is known to be there", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.asked == 2
	})
	close(engine.answer)
	if err := <-first; err != nil {
		t.Error(err)
	}
	unlock()
	if err := <-done; err != nil || !r.listening[second.Gateway] {
		t.Errorf("name servers: %v, %v", r.listening, err)
	}
}
