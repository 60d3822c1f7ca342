package proxy

import (
	"cmp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/davitdev/davit/internal/site"
)

// routing is a table made for looking up. It is never changed: a push makes a
// new one, which takes over the targets and counters that stay.
type routing struct {
	installation string
	version      int64
	sum          [32]byte // of the encoded table: equal version, equal content
	hosts        map[string][]*route
	targets      map[Target]*target
}

type route struct {
	Route
	targets    []*target
	deployment []string // header value, shared by all answers
	next       atomic.Uint32
	count      *counters
	earlier    *earlier // nil: none
}

// earlier is the static site that a route served before.
type earlier struct {
	bundle Bundle
	until  time.Time
}

// earlierFor is how long pages of the site before find their scripts.
const earlierFor = 12 * time.Hour

// ref is where e is at a time, nil if it is over or there is none.
func (e *earlier) ref(at time.Time) *site.Ref {
	if e == nil || !at.Before(e.until) {
		return nil
	}
	return e.bundle.ref()
}

// replaced is what next has of r, which it takes the place of at a time: of the
// same instance alone, since a host name may become another's.
func (r *route) replaced(next *route, at time.Time) *earlier {
	switch {
	case r.Bundle == nil || next.Bundle == nil || r.Instance != next.Instance:
		return nil
	case r.Deployment == next.Deployment, *r.Bundle == *next.Bundle:
		return r.earlier
	}
	return &earlier{*r.Bundle, at.Add(earlierFor)}
}

// counters outlive the routing they were made in.
type counters struct {
	requests atomic.Uint64
	failures atomic.Uint64 // answered by us because the app did not
}

// compile builds the routing of a valid table. prev may be nil.
func compile(t Table, sum [32]byte, prev *routing) *routing {
	c := &routing{
		installation: t.Installation, version: t.Version, sum: sum,
		hosts:   make(map[string][]*route, len(t.Routes)),
		targets: make(map[Target]*target),
	}
	for _, r := range t.Routes {
		r.Host, r.Path = canonicalHost(r.Host), canonicalPath(r.Path)
		rt := &route{Route: r, count: &counters{}}
		if r.Deployment != "" {
			rt.deployment = []string{r.Deployment}
		}
		if old := prev.route(r.Host, r.Path); old != nil {
			rt.count, rt.earlier = old.count, old.replaced(rt, time.Now())
		}
		for _, id := range r.Targets {
			tg := c.targets[id]
			if tg == nil && prev != nil {
				tg = prev.targets[id]
			}
			if tg == nil {
				tg = newTarget(id)
			}
			c.targets[id] = tg
			rt.targets = append(rt.targets, tg)
		}
		c.hosts[r.Host] = append(c.hosts[r.Host], rt)
	}
	for _, rs := range c.hosts {
		slices.SortFunc(rs, func(a, b *route) int { return cmp.Compare(len(b.Path), len(a.Path)) })
	}
	return c
}

// match returns the route for a request, nil if there is none.
func (c *routing) match(host, path string) *route {
	for _, r := range c.hosts[canonicalHost(host)] {
		if r.covers(path) {
			return r
		}
	}
	return nil
}

// route returns the route with exactly this host and path, nil without one.
func (c *routing) route(host, path string) *route {
	if c == nil {
		return nil
	}
	i := slices.IndexFunc(c.hosts[host], func(r *route) bool { return r.Path == path })
	if i < 0 {
		return nil
	}
	return c.hosts[host][i]
}

func (r *route) covers(path string) bool {
	return r.Path == "/" || strings.HasPrefix(path, r.Path) && (len(path) == len(r.Path) || path[len(r.Path)] == '/')
}

// canonicalHost returns h in lower case without port, brackets and trailing
// dot; "" if h cannot be a host.
func canonicalHost(h string) string {
	if strings.HasPrefix(h, "[") { // IPv6
		end := strings.IndexByte(h, ']')
		if end < 0 {
			return ""
		}
		h = h[1:end]
	} else if i := strings.IndexByte(h, ':'); i >= 0 && i == strings.LastIndexByte(h, ':') {
		h = h[:i]
	}
	h = strings.TrimSuffix(h, ".")
	if len(h) > maxHost {
		return ""
	}
	return strings.ToLower(h)
}

// canonicalPath returns p without a trailing slash, "/" for "".
func canonicalPath(p string) string {
	if p = strings.TrimRight(p, "/"); p == "" {
		return "/"
	}
	return p
}
