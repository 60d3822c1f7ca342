// Package proxy is the data plane: it brings requests for a host to the
// replicas that serve it, answers with the files of static sites, and resolves
// names inside an environment's network.
//
// It is a process of its own (Run) that outlives the control plane. Whoever
// knows what should be served pushes the whole table (Client.Push), versioned,
// so that a stale writer overwrites nothing, and waits for replaced replicas
// (Client.Drain) before stopping them. The last table is kept on disk; a proxy
// that starts alone serves it. EnsureRunning adopts a live proxy or starts
// one; a proxy that is started while another serves the same data takes the
// listener over from it without refusing a connection.
package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/site"
)

// Limits of clients' connections. Requests themselves have no time limit:
// uploads, downloads and event streams may take for ever.
const (
	// headerTime is nginx's: a machine that stands still for some seconds, as one
	// that is moved or snapshot does, must not cost the requests that were coming.
	headerTime = time.Minute
	clientIdle = 2 * time.Minute
	maxHeader  = 64 << 10
	// lameDuck is how long a proxy that handed over keeps silent connections
	// of clients, so that they end with an answer instead of in a request.
	lameDuck = 10 * time.Second

	defaultGrace = 30 * time.Second
)

// Options say what a proxy process serves.
type Options struct {
	Data    string         // directory of socket and snapshot, made with mode 0700 if absent
	Listen  string         // TCP address for clients, "host:port"
	Version string         // of the binary
	Trusted []netip.Prefix // peers whose X-Forwarded-* and X-Request-Id are believed
	// Grace is how long requests may go on after the proxy was told to end; 0
	// means 30 s.
	Grace time.Duration
	// ResolvConf names the resolvers for foreign names; "" means
	// /etc/resolv.conf.
	ResolvConf string
	// Report, if not nil, gets one line that says that the proxy serves, or
	// why it cannot, and is closed. EnsureRunning reads it.
	Report io.WriteCloser
	Log    *slog.Logger
}

// Run serves until ctx ends, Quit is called, or a successor has taken over;
// all three are no error. It accepts nothing more from then on, gives requests
// their grace and returns. It fails with fault.PortInUse if Listen is taken by
// another program, and with fault.Invalid if it cannot be listened on.
func Run(ctx context.Context, o Options) error {
	s := newServer(o)
	var wg sync.WaitGroup
	defer wg.Wait()
	err := s.open(ctx, &wg)
	if o.Report != nil {
		line := json.NewEncoder(o.Report).Encode(answer[int]{os.Getpid(), toWire(err)})
		if line = errors.Join(line, o.Report.Close()); line != nil {
			s.log.WarnContext(ctx, "whoever started the proxy does not listen", "error", line)
		}
	}
	if err != nil {
		s.close(ctx)
		return err
	}
	s.log.InfoContext(ctx, "proxy serves", "addr", s.listener.Addr().String(), "table", s.routing.Load().version)

	run, stop := context.WithCancel(ctx)
	wg.Go(func() { s.snapshot.run(run) })
	wg.Go(func() { s.finish(s.http.Serve(s.listener)) })
	wg.Go(func() { s.finish(s.control.Serve(s.socket)) })
	select {
	case <-ctx.Done():
	case err = <-s.end:
	}
	stop()
	s.leave(ctx)
	s.close(ctx)
	return err
}

func newServer(o Options) *server {
	if o.Grace == 0 {
		o.Grace = defaultGrace
	}
	if o.ResolvConf == "" {
		o.ResolvConf = "/etc/resolv.conf"
	}
	debug := slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug)
	s := &server{
		opts: o, log: o.Log, started: time.Now(),
		inflight: newGauge(), clients: newGauge(),
		pages:    pageTemplate(),
		library:  site.NewLibrary(manifests),
		snapshot: newSnapshot(filepath.Join(o.Data, snapshotName), o.Log),
		zones:    zones{log: o.Log, upstream: upstream{path: o.ResolvConf}},
		end:      make(chan error, 1),
	}
	s.routing.Store(&routing{})
	s.proxy = httputil.ReverseProxy{BufferPool: &s.buffers, ErrorLog: debug}
	s.http = &http.Server{
		Handler: s, ErrorLog: debug, ConnState: s.connState,
		ReadHeaderTimeout: headerTime, IdleTimeout: clientIdle, MaxHeaderBytes: maxHeader,
	}
	s.control = &http.Server{Handler: s.controlHandler(), ErrorLog: debug, ReadHeaderTimeout: headerTime}
	return s
}

// open does everything that may fail. Once it returned, clients and callers
// are heard, and a predecessor leaves.
func (s *server) open(ctx context.Context, wg *sync.WaitGroup) error {
	if err := os.MkdirAll(s.opts.Data, 0o700); err != nil {
		return fault.Wrap(err, fault.Invalid, "The data directory %s cannot be made", s.opts.Data)
	}
	old, ln, err := takeOver(ctx, s.opts.Data, s.opts.Listen)
	if err != nil && !errors.Is(err, errNobody) {
		return err
	}
	s.predecessor, s.listener = old, ln
	if ln == nil {
		if s.listener, err = listen(ctx, s.opts.Listen); err != nil {
			return err
		}
	}
	s.restore(ctx)
	path := filepath.Join(s.opts.Data, socketName)
	if s.socket, err = listenControl(ctx, path+".new"); err != nil {
		return err
	}
	if old != nil {
		if err := old.dismiss(wg); err != nil {
			return fmt.Errorf("take over: %w", err)
		}
	}
	return os.Rename(path+".new", path) // from nobody, a dead proxy or our predecessor
}

func listen(ctx context.Context, addr string) (net.Listener, error) {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	switch {
	case err == nil:
		return ln, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fault.At("proxy-listen", fault.PortInUse, "The address %s, where apps are to be served, is in use by another program.", addr).
			WithHint("Stop that program, or choose another address with --proxy-listen (DAVIT_PROXY_LISTEN).").Because(err)
	case errors.Is(err, syscall.EACCES):
		return nil, fault.At("proxy-listen", fault.Invalid, "This user may not listen on %s, where apps are to be served.", addr).
			WithHint("Choose a port from 1024 on with --proxy-listen (DAVIT_PROXY_LISTEN), or give the program CAP_NET_BIND_SERVICE.").Because(err)
	default:
		return nil, fault.At("proxy-listen", fault.Invalid, "Nothing can listen on %q, where apps are to be served.", addr).
			WithHint("Choose another address with --proxy-listen (DAVIT_PROXY_LISTEN).").Because(err)
	}
}

// connState counts the connections that HTTP owns.
func (s *server) connState(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.clients.add(1)
	case http.StateClosed, http.StateHijacked:
		s.clients.add(-1)
	case http.StateActive, http.StateIdle:
	}
}

// leave ends the service: at most grace for plain requests, those of a
// predecessor too if there is a successor, and a farewell for upgraded
// connections.
func (s *server) leave(ctx context.Context) {
	s.pushing.Lock() // a handover under way succeeds or fails first
	s.leaving.Store(true)
	successor := s.moved
	s.pushing.Unlock()
	s.log.InfoContext(ctx, "proxy leaves", "successor", successor, "inflight", s.inflight.load())
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.opts.Grace)
	defer cancel()
	s.listener.Close()
	s.socket.Close()
	if successor {
		s.zones.close(ctx) // they would answer with what is no longer pushed to us
		duck, cancel := context.WithTimeout(ctx, lameDuck)
		s.sayFarewell(duck, &s.clients)
		cancel()
	} else {
		_ = os.Remove(filepath.Join(s.opts.Data, socketName)) // a dead one is replaced at the next start
	}
	s.sockets.tell(nil, 0, farewell)
	if err := s.http.Shutdown(ctx); err != nil {
		s.log.WarnContext(ctx, "requests were cut off", "inflight", s.inflight.load())
	}
	s.http.Close()
	s.sayFarewell(ctx, &s.inflight)
	if successor && s.predecessor != nil {
		select {
		case <-s.predecessor.gone: // our end says to the successor that this one has ended too
		case <-ctx.Done():
		}
	}
}

// sayFarewell asks all upgraded connections to leave, until a count is zero or ctx
// ends.
func (s *server) sayFarewell(ctx context.Context, count *gauge) {
	for {
		s.sockets.tell(nil, 0, farewell) // each time: an upgrade may still be under way
		if count.load() == 0 || ctx.Err() != nil {
			return
		}
		tick, cancel := context.WithTimeout(ctx, drainTick)
		count.wait(tick)
		cancel()
	}
}

// close frees what is left; it ends everything that Run waits for.
func (s *server) close(ctx context.Context) {
	s.zones.close(ctx)
	if s.listener != nil {
		s.listener.Close()
	}
	if s.socket != nil {
		s.socket.Close()
	}
	s.control.Close()
	if err := s.snapshot.flush(); err != nil {
		s.log.ErrorContext(ctx, "the routes are not saved", "error", err)
	}
	if err := s.library.Close(); err != nil {
		s.log.WarnContext(ctx, "close static sites", "error", err)
	}
	for _, t := range s.routing.Load().targets {
		t.retire()
	}
	if s.predecessor != nil {
		s.predecessor.conn.Close()
	}
	s.farewells.close()
}
