package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/davitdev/davit/internal/fault"
)

// Protocol is the version of what is said over the control socket. A control
// plane that speaks another one replaces the proxy.
//
// 2: a route may have a bundle.
const Protocol = 2

// Hello is who answers on the control socket.
type Hello struct {
	Protocol     int       `json:"protocol"`
	Version      string    `json:"version"` // of the binary
	PID          int       `json:"pid"`
	Started      time.Time `json:"started"`
	Installation string    `json:"installation"` // of the table in force, "" if there is none
	Table        int64     `json:"table"`        // its version, 0 if there is none
	Listen       string    `json:"listen"`       // as asked for
	Addrs        []string  `json:"addrs"`        // as bound
	// Trusted are those of Options.
	Trusted []netip.Prefix `json:"trusted,omitempty"`
}

// Ack is the answer to a push.
type Ack struct {
	// Version is the one in force now.
	Version int64 `json:"version"`
	// Zones lists the name servers that cannot listen yet. They are tried
	// again until they can.
	Zones []ZoneProblem `json:"zones,omitempty"`
}

// ZoneProblem says why a zone's name server cannot listen.
type ZoneProblem struct {
	Listen  string `json:"listen"`
	Message string `json:"message"`
}

// Stats are counters since the proxy started.
type Stats struct {
	Inflight int64         `json:"inflight"`
	Requests uint64        `json:"requests"`
	Routes   []RouteStats  `json:"routes"`  // of the table in force, in no order
	Targets  []TargetStats `json:"targets"` // those of the table and those that drain
}

// RouteStats are the counters of a host and path, through all tables since it
// is routed. An upgraded connection is one request.
type RouteStats struct {
	Host       string `json:"host"`
	Path       string `json:"path"`
	Instance   string `json:"instance,omitempty"`
	Deployment string `json:"deployment,omitempty"`
	Bundle     string `json:"bundle,omitempty"` // id
	Requests   uint64 `json:"requests"`
	Failures   uint64 `json:"failures"` // answered with a page because no target did
}

// TargetStats is the load of a target.
type TargetStats struct {
	Target
	Inflight int64 `json:"inflight"`
	Draining bool  `json:"draining,omitempty"` // out of the table, its last requests under way
}

type drainRequest struct {
	Targets []Target      `json:"targets"`
	Timeout time.Duration `json:"timeout"` // nanoseconds
}

type drainAnswer struct {
	Left int64 `json:"left"`
}

// answer is the envelope of every answer but a switch of protocols.
type answer[T any] struct {
	Data  T          `json:"data"`
	Error *wireError `json:"error,omitempty"`
}

type wireError struct {
	Code    fault.Code `json:"code"`
	Message string     `json:"message"`
	Field   string     `json:"field,omitempty"`
	Hint    string     `json:"hint,omitempty"`
}

func toWire(err error) *wireError {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return &wireError{e.Code, e.Error(), e.Field, e.Hint}
	}
	return &wireError{Code: fault.Internal, Message: err.Error()}
}

func (e *wireError) fault() error {
	if e == nil {
		return nil
	}
	return &fault.Error{Code: e.Code, Message: e.Message, Field: e.Field, Hint: e.Hint}
}

func (s *server) controlHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/hello", func(w http.ResponseWriter, _ *http.Request) { reply(w, s.hello(), nil) })
	mux.HandleFunc("GET /v1/stats", func(w http.ResponseWriter, _ *http.Request) { reply(w, s.stats(), nil) })
	mux.HandleFunc("PUT /v1/table", func(w http.ResponseWriter, r *http.Request) {
		var t Table
		if err := decode(w, r, &t); err != nil {
			reply(w, Ack{Version: s.routing.Load().version}, err)
			return
		}
		ack, err := s.push(r.Context(), t)
		reply(w, ack, err)
	})
	mux.HandleFunc("POST /v1/drain", func(w http.ResponseWriter, r *http.Request) {
		var d drainRequest
		if err := decode(w, r, &d); err != nil {
			reply(w, drainAnswer{}, err)
			return
		}
		left, err := s.drain(r.Context(), d.Targets, d.Timeout)
		reply(w, drainAnswer{left}, err)
	})
	mux.HandleFunc("POST /v1/quit", s.quit)
	mux.HandleFunc("POST /v1/handover", s.handover)
	mux.HandleFunc("POST "+guardPath, s.guard)
	return mux
}

func decode(w http.ResponseWriter, r *http.Request, into any) error {
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxTable)).Decode(into)
	return fault.Wrap(err, fault.BadRequest, "The request cannot be read")
}

func reply[T any](w http.ResponseWriter, data T, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(fault.CodeOf(err).Info().Status)
	}
	_ = json.NewEncoder(w).Encode(answer[T]{data, toWire(err)}) // else the caller is gone
}

// quit ends the proxy. The connection stays open until it has ended.
func (s *server) quit(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := s.switchProtocols(w, "davit-quit")
	if err != nil {
		reply(w, struct{}{}, err)
		return
	}
	s.farewells.add(conn)
	s.finish(nil)
}

// finish starts the end, if nothing else has. err is why, nil if it was asked
// for.
func (s *server) finish(err error) {
	select {
	case s.end <- err:
	default:
	}
}

// listenControl listens at path, in place of what is there.
func listenControl(ctx context.Context, path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "unix", path)
	if err != nil {
		return nil, fault.At("data", fault.Invalid, "The control socket cannot be made in %s.", filepath.Dir(path)).
			WithHint("Its path may have at most about 100 characters.").Because(err)
	}
	ln.(*net.UnixListener).SetUnlinkOnClose(false) // it is renamed, and the name may be a successor's then
	if err := os.Chmod(path, 0o600); err != nil {
		ln.Close()
		return nil, err
	}
	return ownListener{ln}, nil
}

// ownListener accepts only connections of our own user and of root.
type ownListener struct{ net.Listener }

func (l ownListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if ownPeer(conn.(*net.UnixConn)) {
			return conn, nil
		}
		conn.Close()
	}
}
