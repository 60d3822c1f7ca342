package proxy

import (
	"crypto/rand"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

// forwarded tells the app in h who asked and how. What the client says of that
// itself counts only if it is a trusted proxy: then its chain is continued
// and the rest kept.
func (s *server) forwarded(in *http.Request, h http.Header) {
	peer, _ := netip.ParseAddrPort(in.RemoteAddr)
	addr := peer.Addr().Unmap()
	trusted := s.trusts(addr)
	for name := range h {
		if isForwarding(name) {
			delete(h, name)
		}
	}
	set := func(name, value string) {
		if prior := in.Header[name]; trusted && len(prior) > 0 {
			h[name] = prior
			return
		}
		h[name] = []string{value}
	}
	set("X-Forwarded-Proto", "http")
	set("X-Forwarded-Host", in.Host)
	set("X-Forwarded-Port", localPort(in))
	chain := addr.String()
	if prior := in.Header["X-Forwarded-For"]; trusted && len(prior) > 0 {
		chain = strings.Join(prior, ", ") + ", " + chain
	}
	h["X-Forwarded-For"] = []string{chain}
	h["X-Request-Id"] = []string{s.requestID(in, trusted)}
}

// isForwarding reports whether an app may take the header for one of ours.
// CGI, WSGI and Rack do not tell "_" from "-".
func isForwarding(name string) bool {
	if len(name) == 0 || name[0] != 'X' { // canonical
		return false
	}
	name = strings.ToLower(strings.ReplaceAll(name, "_", "-"))
	return strings.HasPrefix(name, "x-forwarded-") || name == "x-real-ip" || name == "x-request-id"
}

// requestID returns the trusted peer's id for the request, or a new one.
func (s *server) requestID(in *http.Request, trusted bool) string {
	if id := in.Header.Get("X-Request-Id"); trusted && id != "" && len(id) <= 128 && isToken(id) {
		return id
	}
	return rand.Text()
}

func (s *server) trusts(peer netip.Addr) bool {
	for _, p := range s.opts.Trusted {
		if p.Contains(peer) {
			return true
		}
	}
	return false
}

// localPort returns the port that the client reached us at.
func localPort(r *http.Request) string {
	if a, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok {
		return strconv.Itoa(a.Port)
	}
	return "80"
}
