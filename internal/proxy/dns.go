package proxy

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"
)

const (
	zoneRetry    = time.Second // at first, then twice as long each time
	zoneRetryMax = time.Minute
	zoneQueries  = 64 // foreign names asked for at a time by one zone
	zoneTCPConns = 64
	zoneStop     = time.Second
	// udpWake ends a silent read, for nothing; closing does not need it.
	udpWake = time.Hour
)

// zones are the name servers of the table in force.
type zones struct {
	log      *slog.Logger
	upstream upstream

	mu     sync.Mutex
	open   map[netip.AddrPort]*zone
	timer  *time.Timer // tries zones that cannot listen yet; nil if there are none
	closed bool
	wg     sync.WaitGroup // servers that run or stop
}

// zone answers the names of one network.
type zone struct {
	listen   netip.AddrPort
	names    atomic.Pointer[map[string][]netip.Addr]
	subnet   netip.Prefix  // of the interface at listen; set before it serves
	servers  []*dns.Server // empty while it cannot listen
	problem  string
	log      *slog.Logger
	upstream *upstream
	slots    chan struct{}
}

// set makes the zones what zs says: what stays goes on with its new names,
// what is new listens, what is gone stops. It returns those that cannot listen
// and are tried again.
func (z *zones) set(ctx context.Context, zs []Zone) []ZoneProblem {
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.closed {
		return nil
	}
	next := make(map[netip.AddrPort]*zone, len(zs))
	for _, want := range zs {
		n := z.open[want.Listen]
		if n == nil {
			n = &zone{listen: want.Listen, log: z.log, upstream: &z.upstream, slots: make(chan struct{}, zoneQueries)}
		}
		names := make(map[string][]netip.Addr, len(want.Names))
		for name, addrs := range want.Names {
			names[strings.ToLower(strings.Trim(name, "."))] = addrs
		}
		n.names.Store(&names)
		next[want.Listen] = n
	}
	for at, old := range z.open {
		if next[at] == nil {
			z.wg.Go(func() { old.stop(ctx) })
		}
	}
	z.open = next
	z.bind(ctx, zoneRetry)
	return z.list()
}

// problems returns the zones that cannot listen yet.
func (z *zones) problems() []ZoneProblem {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.list()
}

func (z *zones) list() []ZoneProblem {
	var out []ZoneProblem
	for _, at := range slices.SortedFunc(maps.Keys(z.open), netip.AddrPort.Compare) {
		if n := z.open[at]; len(n.servers) == 0 {
			out = append(out, ZoneProblem{at.String(), n.problem})
		}
	}
	return out
}

// bind tries the zones that do not listen and comes back after retry for those
// that still cannot; z.mu is held.
func (z *zones) bind(ctx context.Context, retry time.Duration) {
	if z.timer != nil {
		z.timer.Stop()
		z.timer = nil
	}
	missing := false
	for _, n := range z.open {
		if len(n.servers) > 0 {
			continue
		}
		if err := n.start(ctx, &z.wg); err != nil {
			n.problem, missing = err.Error(), true
		}
	}
	if missing {
		ctx = context.WithoutCancel(ctx)
		z.timer = time.AfterFunc(retry, func() {
			z.mu.Lock()
			defer z.mu.Unlock()
			if !z.closed {
				z.bind(ctx, min(2*retry, zoneRetryMax))
			}
		})
	}
}

// close stops all name servers and waits for them.
func (z *zones) close(ctx context.Context) {
	z.mu.Lock()
	z.closed = true
	if z.timer != nil {
		z.timer.Stop()
	}
	for _, n := range z.open {
		z.wg.Go(func() { n.stop(ctx) })
	}
	z.open = nil
	z.mu.Unlock()
	z.wg.Wait()
}

// start listens for UDP and TCP.
func (n *zone) start(ctx context.Context, wg *sync.WaitGroup) error {
	subnet, err := subnetAt(n.listen.Addr())
	if err != nil {
		return err
	}
	n.subnet = subnet
	lc := net.ListenConfig{Control: sharePort}
	udp, err := lc.ListenPacket(ctx, "udp", n.listen.String())
	if err != nil {
		return err
	}
	tcp, err := lc.Listen(ctx, "tcp", n.listen.String())
	if err != nil {
		udp.Close()
		return err
	}
	servers := []*dns.Server{
		{PacketConn: udp, Handler: n, ReadTimeout: udpWake},
		{Listener: &subnetListener{Listener: tcp, subnet: subnet, slots: make(chan struct{}, zoneTCPConns)}, Handler: n},
	}
	for _, srv := range servers {
		started, failed := make(chan struct{}), make(chan error, 1)
		srv.NotifyStartedFunc = func() { close(started) } // only then can it be stopped
		wg.Go(func() {
			err := srv.ActivateAndServe()
			failed <- err
			if err != nil {
				n.log.ErrorContext(ctx, "name server ended", "listen", n.listen.String(), "error", err)
			}
		})
		select {
		case <-started:
			n.servers = append(n.servers, srv)
		case err := <-failed:
			n.stop(ctx)
			n.servers = nil
			udp.Close()
			tcp.Close()
			return err
		}
	}
	return nil
}

func (n *zone) stop(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), zoneStop)
	defer cancel()
	for _, srv := range n.servers {
		_ = srv.ShutdownContext(ctx) // a late answer is nobody's loss
	}
}

// sharePort lets a successor listen before its predecessor stops.
func sharePort(_, _ string, c syscall.RawConn) error {
	var optErr error
	err := c.Control(func(fd uintptr) {
		optErr = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	})
	if err != nil {
		return err
	}
	return optErr
}

// subnetAt returns the subnet of the interface that has the address.
func subnetAt(addr netip.Addr) (netip.Prefix, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("list addresses: %w", err)
	}
	for _, a := range all {
		p, err := netip.ParsePrefix(a.String())
		if err == nil && p.Addr() == addr {
			return p.Masked(), nil
		}
	}
	return netip.Prefix{}, fmt.Errorf("no interface has the address %s", addr)
}

// subnetListener closes connections from outside the subnet and those over the
// limit.
type subnetListener struct {
	net.Listener
	subnet netip.Prefix
	slots  chan struct{}
}

func (l *subnetListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if within(l.subnet, conn.RemoteAddr()) {
			select {
			case l.slots <- struct{}{}:
				return &slotConn{Conn: conn, free: sync.OnceFunc(func() { <-l.slots })}, nil
			default:
			}
		}
		conn.Close()
	}
}

type slotConn struct {
	net.Conn
	free func()
}

func (c *slotConn) Close() error {
	c.free()
	return c.Conn.Close()
}

func within(p netip.Prefix, a net.Addr) bool {
	from, err := netip.ParseAddrPort(a.String())
	return err == nil && p.Contains(from.Addr().Unmap().WithZone(""))
}
