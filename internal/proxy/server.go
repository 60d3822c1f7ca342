package proxy

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/site"
)

// server is the proxy's state. Requests touch only the atomics.
type server struct {
	opts    Options
	log     *slog.Logger
	started time.Time

	routing  atomic.Pointer[routing]
	leaving  atomic.Bool
	requests atomic.Uint64
	inflight gauge // requests of clients
	clients  gauge // their connections, without upgraded ones
	sockets  sockets
	buffers  buffers
	proxy    httputil.ReverseProxy // what all exchanges share
	pages    *template.Template
	library  *site.Library // files of static sites

	pushing  sync.Mutex // guards what follows, and the order of routings
	retired  []*target
	moved    bool // a successor has the listeners
	snapshot snapshot
	zones    zones

	listener    net.Listener
	http        *http.Server
	socket      net.Listener
	control     *http.Server
	predecessor *predecessor // nil if we started from nothing
	end         chan error   // why Run ends; nil if it was asked to
	farewells   farewells
}

// push puts t in force if it is newer than what is. A table that is in force
// already is acknowledged again.
func (s *server) push(ctx context.Context, t Table) (Ack, error) {
	if err := t.Validate(); err != nil {
		return Ack{}, err
	}
	encoded, err := json.Marshal(t)
	if err != nil {
		return Ack{}, fmt.Errorf("encode table: %w", err)
	}
	sum := sha256.Sum256(encoded)

	s.pushing.Lock()
	defer s.pushing.Unlock()
	if s.moved {
		return Ack{}, fault.New(fault.Unavailable, "Another process has just taken over; push to that one.")
	}
	now := s.routing.Load()
	if now.installation == t.Installation && now.version >= t.Version {
		if now.version == t.Version && now.sum == sum {
			return Ack{Version: now.version, Zones: s.zones.problems()}, nil
		}
		return Ack{Version: now.version}, fault.New(fault.VersionConflict,
			"Version %d of the routes comes too late: %d is in force.", t.Version, now.version)
	}
	s.install(t, sum)
	s.snapshot.save(encoded)
	return Ack{Version: t.Version, Zones: s.zones.set(ctx, t.Zones)}, nil
}

// install swaps the routing and retires the targets that are no longer in it;
// s.pushing is held, or nobody else has s yet.
func (s *server) install(t Table, sum [32]byte) {
	prev := s.routing.Load()
	next := compile(t, sum, prev)
	s.routing.Store(next)
	s.retired = slices.DeleteFunc(s.retired, (*target).finished)
	for id, tg := range prev.targets {
		if next.targets[id] == nil {
			tg.retire()
			s.retired = append(s.retired, tg)
		}
	}
}

// restore installs the table of the snapshot, if there is one. A broken one
// is reported and left alone: the next push replaces it.
func (s *server) restore(ctx context.Context) {
	t, err := s.snapshot.load()
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		s.log.ErrorContext(ctx, "the saved routes cannot be used", "path", s.snapshot.path, "error", err)
		return
	}
	encoded, err := json.Marshal(t)
	if err != nil {
		s.log.ErrorContext(ctx, "encode saved routes", "error", err)
		return
	}
	s.install(t, sha256.Sum256(encoded))
	for _, p := range s.zones.set(ctx, t.Zones) {
		s.log.WarnContext(ctx, "a name server cannot listen yet", "listen", p.Listen, "error", p.Message)
	}
}

func (s *server) hello() Hello {
	r := s.routing.Load()
	return Hello{
		Protocol: Protocol, Version: s.opts.Version, PID: os.Getpid(), Started: s.started,
		Installation: r.installation, Table: r.version,
		Listen: s.opts.Listen, Addrs: []string{s.listener.Addr().String()}, Trusted: s.opts.Trusted,
	}
}

func (s *server) stats() Stats {
	out := Stats{Inflight: s.inflight.load(), Requests: s.requests.Load()}
	r := s.routing.Load()
	for _, routes := range r.hosts {
		for _, rt := range routes {
			one := RouteStats{
				Host: rt.Host, Path: rt.Path, Instance: rt.Instance, Deployment: rt.Deployment,
				Requests: rt.count.requests.Load(), Failures: rt.count.failures.Load(),
			}
			if rt.Bundle != nil {
				one.Bundle = rt.Bundle.ID
			}
			out.Routes = append(out.Routes, one)
		}
	}
	for _, tg := range r.targets {
		out.Targets = append(out.Targets, TargetStats{Target: tg.Target, Inflight: tg.inflight.Load()})
	}
	s.pushing.Lock()
	defer s.pushing.Unlock()
	for _, tg := range s.retired {
		if !tg.finished() {
			out.Targets = append(out.Targets, TargetStats{Target: tg.Target, Inflight: tg.inflight.Load(), Draining: true})
		}
	}
	return out
}

// gauge is a count that one goroutine may wait for to become zero.
type gauge struct {
	n    atomic.Int64
	zero chan struct{} // holds one
}

func newGauge() gauge { return gauge{zero: make(chan struct{}, 1)} }

func (g *gauge) load() int64 { return g.n.Load() }

func (g *gauge) add(d int64) {
	if g.n.Add(d) == 0 {
		select {
		case g.zero <- struct{}{}:
		default:
		}
	}
}

// wait returns when the count is zero or ctx ends.
func (g *gauge) wait(ctx context.Context) {
	for g.n.Load() > 0 {
		select {
		case <-g.zero:
		case <-ctx.Done():
			return
		}
	}
}
