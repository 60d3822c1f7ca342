package proxy

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

const (
	// domain is reserved by ICANN for private use.
	domain = "internal"
	// nameTTL is in seconds: replicas come and go.
	nameTTL = 1

	upstreamTime = 1500 * time.Millisecond // for one resolver
	resolvMaxAge = 5 * time.Second
	maxResolvers = 3 // as in resolv.conf(5)
)

// ServeDNS answers names of the zone itself and asks the host's resolvers for
// all others. Senders outside the network get nothing.
func (n *zone) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	defer func() { // the library does not; one odd packet must not end the proxy
		if p := recover(); p != nil {
			n.log.Error("name server panicked", "panic", p, "stack", string(debug.Stack()))
		}
	}()
	if !within(n.subnet, w.RemoteAddr()) {
		w.Close()
		return
	}
	network := w.LocalAddr().Network()
	m := resolve(*n.names.Load(), q)
	if m == nil {
		m = n.ask(q, network)
	}
	size := dns.MaxMsgSize
	if network == "udp" {
		size = dns.MinMsgSize
		if opt := q.IsEdns0(); opt != nil {
			size = max(size, int(opt.UDPSize()))
		}
	}
	m.Compress = true
	m.Truncate(size)
	if err := w.WriteMsg(m); err != nil {
		n.log.Debug("name server", "error", err)
	}
}

// resolve answers q from names, or returns nil if q is for somebody else. q
// has exactly one question.
func resolve(names map[string][]netip.Addr, q *dns.Msg) *dns.Msg {
	question := q.Question[0]
	name := strings.TrimSuffix(strings.ToLower(question.Name), ".")
	apex := name // of the zone that says no
	addrs, known := names[name]
	if short, ok := strings.CutSuffix(name, "."+domain); ok {
		apex = domain
		addrs, known = names[short]
	} else if name == domain {
		known = true
	} else if !known || name == "" || strings.Contains(name, ".") {
		return nil
	}

	m := new(dns.Msg)
	m.SetReply(q)
	m.Authoritative, m.RecursionAvailable = true, true
	if opt := q.IsEdns0(); opt != nil {
		m.SetEdns0(dns.DefaultMsgSize, false)
	}
	switch {
	case question.Qclass != dns.ClassINET:
		m.Rcode = dns.RcodeRefused
		return m
	case !known:
		m.Rcode = dns.RcodeNameError
	default:
		m.Answer = records(question, addrs)
	}
	if len(m.Answer) == 0 {
		m.Ns = []dns.RR{&dns.SOA{
			Hdr: dns.RR_Header{Name: dns.Fqdn(apex), Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: nameTTL},
			Ns:  "ns.internal.", Mbox: "davit.internal.",
			Serial: 1, Refresh: nameTTL, Retry: nameTTL, Expire: nameTTL, Minttl: nameTTL,
		}}
	}
	return m
}

// records returns the addresses that the question asks for, starting at a
// random one.
func records(q dns.Question, addrs []netip.Addr) []dns.RR {
	var out []dns.RR
	for _, a := range addrs {
		hdr := dns.RR_Header{Name: q.Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: nameTTL}
		switch a = a.Unmap(); {
		case a.Is4() && (q.Qtype == dns.TypeA || q.Qtype == dns.TypeANY):
			out = append(out, &dns.A{Hdr: hdr, A: a.AsSlice()})
		case a.Is6() && (q.Qtype == dns.TypeAAAA || q.Qtype == dns.TypeANY):
			hdr.Rrtype = dns.TypeAAAA
			out = append(out, &dns.AAAA{Hdr: hdr, AAAA: a.AsSlice()})
		}
	}
	if len(out) > 1 {
		i := rand.IntN(len(out))
		out = append(out[i:len(out):len(out)], out[:i]...)
	}
	return out
}

// ask passes q on, over the network it came by, as long as the zone has no
// more under way than its share.
func (n *zone) ask(q *dns.Msg, network string) *dns.Msg {
	failure := new(dns.Msg).SetRcode(q, dns.RcodeServerFailure)
	switch q.Question[0].Qtype {
	case dns.TypeAXFR, dns.TypeIXFR:
		return failure.SetRcode(q, dns.RcodeRefused)
	}
	select {
	case n.slots <- struct{}{}:
		defer func() { <-n.slots }()
	default:
		return failure
	}
	servers, err := n.upstream.list()
	if err != nil {
		n.log.Debug("no resolvers", "error", err)
		return failure
	}
	client := dns.Client{Net: network, Timeout: upstreamTime}
	out := q.Copy()
	out.Id = dns.Id()
	best := failure
	for _, server := range servers {
		if server == n.listen.String() {
			continue
		}
		r, _, err := client.Exchange(out, server)
		if err != nil || len(r.Question) != 1 || !strings.EqualFold(r.Question[0].Name, q.Question[0].Name) {
			continue
		}
		r.Id = q.Id
		if r.Rcode != dns.RcodeServerFailure && r.Rcode != dns.RcodeRefused {
			return r
		}
		best = r
	}
	return best
}

// upstream are the host's resolvers.
type upstream struct {
	path string

	mu      sync.Mutex
	servers []string
	read    time.Time
}

// list returns the addresses to ask, best first.
func (u *upstream) list() ([]string, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if time.Since(u.read) > resolvMaxAge {
		f, err := os.Open(u.path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		conf, err := dns.ClientConfigFromReader(f)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", u.path, err)
		}
		u.servers, u.read = nil, time.Now()
		for _, ip := range conf.Servers[:min(len(conf.Servers), maxResolvers)] {
			u.servers = append(u.servers, net.JoinHostPort(ip, conf.Port))
		}
	}
	return u.servers, nil
}
