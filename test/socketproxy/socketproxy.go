// Package socketproxy is a proxy before the socket of a Docker engine, of the
// kind that people put there to let a program do no more than it needs. It
// passes on what its list allows, refuses the rest, and knows which of it was
// asked for. It is for tests: what it is asked for is not hostile.
package socketproxy

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Proxy is an http.Handler in front of an engine. It is safe for concurrent
// use.
type Proxy struct {
	allowed []rule
	engine  *httputil.ReverseProxy

	mu      sync.Mutex
	used    map[Call]bool
	refused []string
}

type rule struct {
	Call
	path *regexp.Regexp
}

// New returns a proxy to the engine at a unix socket.
func New(socket string, allowed []Call) *Proxy {
	p := &Proxy{used: map[Call]bool{}}
	for _, c := range allowed {
		p.allowed = append(p.allowed, rule{c, c.pattern()})
	}
	p.engine = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: "engine"}) },
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		}},
		FlushInterval: -1,                                                      // events and logs are read as they come
		ErrorLog:      slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // connections break here as they would without it
	}
	return p
}

// ServeHTTP passes an allowed call on, also one that upgrades its connection,
// and answers any other with 403, as such proxies do.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := unversioned.ReplaceAllString(r.URL.Path, "")
	if !p.allows(r.Method, path) {
		http.Error(w, "the socket proxy does not allow this", http.StatusForbidden)
		return
	}
	p.engine.ServeHTTP(w, r)
}

var unversioned = regexp.MustCompile(`^/v[0-9.]+(?:/|$)`)

func (p *Proxy) allows(method, path string) bool {
	path = "/" + strings.TrimPrefix(path, "/")
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.allowed {
		if a.Method == method && a.path.MatchString(path) {
			p.used[a.Call] = true
			return true
		}
	}
	p.refused = append(p.refused, fmt.Sprintf("%s %s", method, path))
	return false
}

// Refused lists the calls that were not allowed, each once.
func (p *Proxy) Refused() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := slices.Sorted(slices.Values(p.refused))
	return slices.Compact(out)
}

// Unused lists what is allowed and nobody asked for.
func (p *Proxy) Unused() []Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []Call
	for _, a := range p.allowed {
		if !p.used[a.Call] {
			out = append(out, a.Call)
		}
	}
	return out
}
