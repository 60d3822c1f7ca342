package proxy_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/davitdev/davit/internal/proxy"
)

// zoneAddr is an address for a name server that no other test has: its port is
// not one that connections get. Port 53 is left alone; the rest is the same.
func zoneAddr(t *testing.T) netip.AddrPort {
	t.Helper()
	for range 100 {
		at := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(10000+rand.IntN(20000)))
		pc, err := net.ListenPacket("udp", at.String())
		if err != nil {
			continue
		}
		pc.Close()
		ln, err := net.Listen("tcp", at.String())
		if err != nil {
			continue
		}
		ln.Close()
		return at
	}
	t.Fatal("no free port")
	return netip.AddrPort{}
}

func pushZones(t *testing.T, p *running, version int64, zones ...proxy.Zone) []proxy.ZoneProblem {
	t.Helper()
	ack, err := p.Push(t.Context(), proxy.Table{Installation: "inst", Version: version, Zones: zones})
	if err != nil {
		t.Fatal(err)
	}
	return ack.Zones
}

// ask returns the answer in short: the code and the sorted records.
func ask(t *testing.T, network string, at netip.AddrPort, name string, kind uint16) (string, *dns.Msg) {
	t.Helper()
	c := dns.Client{Net: network, Timeout: 10 * time.Second}
	q := new(dns.Msg).SetQuestion(name, kind)
	r, _, err := c.Exchange(q, at.String())
	if err != nil {
		t.Fatalf("%s %s: %v", network, name, err)
	}
	var rest []string
	for _, rr := range r.Answer {
		switch rr := rr.(type) {
		case *dns.A:
			rest = append(rest, rr.A.String())
		case *dns.AAAA:
			rest = append(rest, rr.AAAA.String())
		default:
			rest = append(rest, rr.String())
		}
	}
	slices.Sort(rest)
	return strings.TrimSpace(dns.RcodeToString[r.Rcode] + " " + strings.Join(rest, " ")), r
}

func addrs(list ...string) (out []netip.Addr) {
	for _, s := range list {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

func TestInternalNames(t *testing.T) {
	t.Parallel()
	p := start(t, func(o *proxy.Options) { o.ResolvConf = os.DevNull })
	at := zoneAddr(t)
	zone := proxy.Zone{Listen: at, Names: map[string][]netip.Addr{
		"web":  addrs("10.0.0.1", "10.0.0.2", "10.0.0.3"),
		"DB":   addrs("10.0.0.9", "fd00::9"),
		"down": nil,
	}}
	if problems := pushZones(t, p, 1, zone); len(problems) > 0 {
		t.Fatal(problems)
	}
	tests := []struct {
		name string
		kind uint16
		want string
	}{
		{"web.internal.", dns.TypeA, "NOERROR 10.0.0.1 10.0.0.2 10.0.0.3"},
		{"web.", dns.TypeA, "NOERROR 10.0.0.1 10.0.0.2 10.0.0.3"},
		{"WeB.InterNAL.", dns.TypeA, "NOERROR 10.0.0.1 10.0.0.2 10.0.0.3"},
		{"web.internal.", dns.TypeAAAA, "NOERROR"},
		{"web.", dns.TypeAAAA, "NOERROR"},
		{"web.internal.", dns.TypeTXT, "NOERROR"},
		{"db.internal.", dns.TypeAAAA, "NOERROR fd00::9"},
		{"db.internal.", dns.TypeANY, "NOERROR 10.0.0.9 fd00::9"},
		{"down.internal.", dns.TypeA, "NOERROR"},
		{"internal.", dns.TypeA, "NOERROR"},
		{"nobody.internal.", dns.TypeA, "NXDOMAIN"},
		{"nobody.internal.", dns.TypeAAAA, "NXDOMAIN"},
		{"x.web.internal.", dns.TypeA, "NXDOMAIN"},
		{"web.internal.internal.", dns.TypeA, "NXDOMAIN"},
		{"nobody.", dns.TypeA, "SERVFAIL"}, // not ours, and there are no resolvers
		{"web.example.", dns.TypeA, "SERVFAIL"},
		{".", dns.TypeNS, "SERVFAIL"},
		{"example.", dns.TypeAXFR, "REFUSED"},
	}
	for _, tt := range tests {
		for _, network := range []string{"udp", "tcp"} {
			got, r := ask(t, network, at, tt.name, tt.kind)
			if got != tt.want {
				t.Errorf("%s %s %s: got %s, want %s", network, tt.name, dns.TypeToString[tt.kind], got, tt.want)
			}
			ours := strings.HasPrefix(tt.want, "NO") || strings.HasPrefix(tt.want, "NX")
			if ours && !r.Authoritative {
				t.Errorf("%s: not authoritative", tt.name)
			}
			if ours && len(r.Answer) == 0 && (len(r.Ns) != 1 || r.Ns[0].Header().Ttl != 1) {
				t.Errorf("%s: a no without SOA: %v", tt.name, r.Ns)
			}
			for _, rr := range r.Answer {
				if rr.Header().Ttl != 1 {
					t.Errorf("%s: TTL %d", tt.name, rr.Header().Ttl)
				}
			}
		}
	}

	firsts := map[string]bool{}
	for range 100 {
		_, r := ask(t, "udp", at, "web.internal.", dns.TypeA)
		firsts[r.Answer[0].(*dns.A).A.String()] = true
	}
	if len(firsts) != 3 {
		t.Errorf("first answers %v, want all three in turn", firsts)
	}

	// New names are there with the next table, without a gap; the address is
	// free when the zone is gone.
	zone.Names = map[string][]netip.Addr{"web": addrs("10.0.0.7")}
	pushZones(t, p, 2, zone)
	if got, _ := ask(t, "udp", at, "web.", dns.TypeA); got != "NOERROR 10.0.0.7" {
		t.Errorf("after a push: %s", got)
	}
	pushZones(t, p, 3)
	waitFor(t, "the zone to stop", func() bool {
		pc, err := net.ListenPacket("udp", at.String())
		if err == nil {
			pc.Close()
		}
		return err == nil
	})
}

func TestManyReplicasFitByTCP(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	var list []netip.Addr
	for i := range 100 {
		list = append(list, netip.AddrFrom4([4]byte{10, 0, 1, byte(i)}))
	}
	at := zoneAddr(t)
	if problems := pushZones(t, p, 1, proxy.Zone{Listen: at, Names: map[string][]netip.Addr{"web": list}}); len(problems) > 0 {
		t.Fatal(problems)
	}
	if _, r := ask(t, "udp", at, "web.internal.", dns.TypeA); !r.Truncated || len(r.Answer) == 100 { // read into 512 bytes
		t.Errorf("over UDP: truncated %v, %d answers", r.Truncated, len(r.Answer))
	}
	if _, r := ask(t, "tcp", at, "web.internal.", dns.TypeA); r.Truncated || len(r.Answer) != 100 {
		t.Errorf("over TCP: truncated %v, %d answers", r.Truncated, len(r.Answer))
	}
	q := new(dns.Msg).SetQuestion("web.internal.", dns.TypeA).SetEdns0(4096, false)
	r, err := dns.Exchange(q, at.String())
	if err != nil || r.Truncated || len(r.Answer) != 100 || r.IsEdns0() == nil {
		t.Errorf("with EDNS: %v, %v", r, err)
	}
}

// resolver is a name server of the host. It answers with its name.
func resolver(t *testing.T, name string, answer func(*dns.Msg)) string {
	t.Helper()
	ip := fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(250), rand.IntN(250), 1+rand.IntN(250))
	pc, err := net.ListenPacket("udp", ip+":53")
	if err != nil {
		t.Skipf("port 53 needs root: %v", err)
	}
	ln, err := net.Listen("tcp", ip+":53")
	if err != nil {
		t.Fatal(err)
	}
	for _, srv := range []*dns.Server{{PacketConn: pc}, {Listener: ln}} {
		started, done := make(chan struct{}), make(chan error, 1)
		srv.NotifyStartedFunc = func() { close(started) }
		srv.Handler = dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
			r := new(dns.Msg).SetReply(q)
			txt := name + " " + w.LocalAddr().Network()
			r.Answer = []dns.RR{&dns.TXT{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: 60}, Txt: []string{txt}}}
			if answer != nil {
				answer(r)
			}
			_ = w.WriteMsg(r)
		})
		go func() { done <- srv.ActivateAndServe() }()
		<-started
		t.Cleanup(func() {
			_ = srv.Shutdown()
			<-done
		})
	}
	return ip
}

func TestForeignNamesAreAskedOfTheHostsResolvers(t *testing.T) {
	t.Parallel()
	broken := resolver(t, "broken", func(m *dns.Msg) { m.Rcode, m.Answer = dns.RcodeServerFailure, nil })
	good := resolver(t, "good", nil)
	conf := filepath.Join(t.TempDir(), "resolv.conf")
	lines := "nameserver 127.255.255.254\nnameserver " + broken + "\nnameserver " + good + "\n"
	if err := os.WriteFile(conf, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, func(o *proxy.Options) { o.ResolvConf = conf })
	at := zoneAddr(t)
	pushZones(t, p, 1, proxy.Zone{Listen: at, Names: map[string][]netip.Addr{"web": addrs("10.0.0.1")}})
	for _, network := range []string{"udp", "tcp"} {
		_, r := ask(t, network, at, "www.Example.com.", dns.TypeTXT)
		want := []string{"good " + network}
		if len(r.Answer) != 1 || cmp.Diff(want, r.Answer[0].(*dns.TXT).Txt) != "" {
			t.Errorf("%s: %v", network, r)
		}
	}
	if got, _ := ask(t, "udp", at, "web.", dns.TypeA); got != "NOERROR 10.0.0.1" {
		t.Errorf("a name of ours beside it: %s", got)
	}
}

func TestAZoneThatCannotListenIsReportedAndTriedAgain(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	at := zoneAddr(t)
	taken, err := net.ListenPacket("udp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	absent := netip.MustParseAddrPort("192.0.2.1:53")
	names := map[string][]netip.Addr{"web": addrs("10.0.0.1")}
	problems := pushZones(t, p, 1, proxy.Zone{Listen: at, Names: names}, proxy.Zone{Listen: absent, Names: names})
	if len(problems) != 2 || problems[0].Listen != at.String() || problems[1].Listen != absent.String() || problems[0].Message == "" {
		t.Errorf("problems %+v", problems)
	}
	taken.Close()
	c := dns.Client{Timeout: time.Second}
	waitFor(t, "the zone to listen", func() bool {
		_, _, err := c.Exchange(new(dns.Msg).SetQuestion("web.internal.", dns.TypeA), at.String())
		return err == nil
	})
	if problems := pushZones(t, p, 2, proxy.Zone{Listen: at, Names: names}); len(problems) != 0 {
		t.Errorf("problems %+v", problems)
	}
}

func TestAnswersAreOnlyForTheSubnet(t *testing.T) {
	t.Parallel()
	// Loopback is 127.0.0.0/8; the machine's other address is a stranger to it.
	other := ""
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if p := netip.MustParsePrefix(a.String()); p.Addr().Is4() && !p.Addr().IsLoopback() {
			other = p.Addr().String()
		}
	}
	if other == "" {
		t.Skip("the machine has no other address")
	}
	p := start(t, nil)
	at := zoneAddr(t)
	pushZones(t, p, 1, proxy.Zone{Listen: at, Names: map[string][]netip.Addr{"web": addrs("10.0.0.1")}})
	// TCP is closed before a word: no stranger holds one of the few places.
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(other)}}
	conn, err := d.Dial("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second)) // an idle one is closed after two
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a stranger's connection stays open: %v", err)
	}
	q := new(dns.Msg).SetQuestion("web.internal.", dns.TypeA)
	for network, local := range map[string]net.Addr{
		"udp": &net.UDPAddr{IP: net.ParseIP(other)}, "tcp": &net.TCPAddr{IP: net.ParseIP(other)},
	} {
		c := dns.Client{Net: network, Timeout: 300 * time.Millisecond, Dialer: &net.Dialer{LocalAddr: local, Timeout: time.Second}}
		if r, _, err := c.ExchangeContext(context.WithoutCancel(t.Context()), q, at.String()); err == nil {
			t.Errorf("%s: a stranger got %v", network, r)
		} else if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
			t.Errorf("%s: %v", network, err)
		}
	}
}
