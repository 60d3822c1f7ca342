package proxy

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync"
)

// ServeHTTP answers one request of the world: by a target, by a file, or by a
// page.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.requests.Add(1)
	s.inflight.add(1)
	defer s.inflight.add(-1)

	if strings.Contains(strings.ToLower(r.Header.Get("Upgrade")), "h2c") {
		r.Header.Del("Upgrade") // requests inside would be neither routed nor marked by us
	}
	if !r.ProtoAtLeast(1, 1) {
		r.Header.Del("Upgrade") // RFC 9110, section 7.8
		if r.Header.Get("Connection") != "" {
			// It may have had a Transfer-Encoding, which net/http ignores and
			// hides; whoever forwards it may not (RFC 9112, section 6.1).
			closeAfter(w)
		}
	}
	upgrade := r.Header.Get("Upgrade") != ""
	if s.leaving.Load() && !upgrade {
		w.Header().Set("Connection", "close") // the next request goes to our successor
	}
	if r.URL.Path == "" {
		r.URL.Path = "/" // absolute form without a path
	}
	if r.Method == http.MethodConnect || r.URL.Opaque != "" || r.URL.Path[0] != '/' {
		s.page(w, r, pageBadRequest, "")
		return
	}
	rt, tg := s.acquire(r)
	if rt == nil {
		s.page(w, r, pageNotFound, "")
		return
	}
	rt.count.requests.Add(1)
	if rt.Bundle != nil {
		s.serveBundle(w, r, rt)
		return
	}
	if tg == nil {
		rt.count.failures.Add(1)
		s.page(w, r, pageOf(rt.State), "")
		return
	}

	x := &exchange{server: s, route: rt, target: tg, in: r, client: w}
	x.pass(upgrade) //nolint:contextcheck // it is the request's
	x.settle()
}

// acquire finds the request's route, nil without one, and one of its targets,
// nil without any. The caller releases the target.
func (s *server) acquire(r *http.Request) (*route, *target) {
	for table := s.routing.Load(); ; {
		rt := table.match(r.Host, r.URL.Path)
		if rt == nil {
			return nil, nil
		}
		if tg := rt.pick(nil); tg != nil {
			return rt, tg
		}
		now := s.routing.Load()
		if now == table {
			return rt, nil
		}
		table = now // its targets were retired while we looked
	}
}

// exchange is one request on its way to a target and back.
type exchange struct {
	server *server
	route  *route
	target *target // acquired; another one after a retry
	in     *http.Request
	client http.ResponseWriter
	body   bodyReader
}

// pass answers by the target, and releases it.
func (x *exchange) pass(upgrade bool) {
	defer func() { x.target.release() }()
	defer x.body.over.Store(true)
	w, r := x.client, x.in
	if r.ContentLength != 0 {
		// Reading the request and writing the response at the same time.
		_ = http.NewResponseController(w).EnableFullDuplex() // HTTP/1 always can
		x.body.ReadCloser = r.Body
	}
	if upgrade {
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		r = r.WithContext(ctx)
		w = &upgradeWriter{ResponseWriter: w, exchange: x, cancel: cancel}
	}
	proxy := x.server.proxy
	proxy.Rewrite, proxy.Transport, proxy.ModifyResponse, proxy.ErrorHandler = x.rewrite, x, x.mark, x.fail
	proxy.ServeHTTP(w, r)
}

// RoundTrip sends the request to the acquired target and, as long as none of
// it was sent, to each other target of the route once.
func (x *exchange) RoundTrip(out *http.Request) (*http.Response, error) {
	if out.Body != nil {
		out.Body = &x.body
	}
	var tried []*target
	for {
		out.URL.Host = x.target.host
		res, err := x.target.transport.RoundTrip(out)
		if err == nil {
			return res, nil
		}
		if !unsent(err) || out.Context().Err() != nil || x.body.touched.Load() {
			return nil, err
		}
		x.target.refuse()
		tried = append(tried, x.target)
		next := x.route.pick(tried)
		if next == nil {
			return nil, err
		}
		x.target.release()
		x.target = next
	}
}

func (x *exchange) rewrite(pr *httputil.ProxyRequest) {
	out := pr.Out
	out.URL.Scheme = "http"
	out.URL.User = nil
	out.URL.RawQuery = pr.In.URL.RawQuery // as it came: nothing here depends on it
	out.Host = pr.In.Host
	x.server.forwarded(pr.In, out.Header)
}

// errInsideBody is what becomes of a switch of protocols where the client has
// yet to send the rest of its request.
var errInsideBody = errors.New("the app switches protocols before the request is over")

func (x *exchange) mark(res *http.Response) error {
	if res.StatusCode == http.StatusSwitchingProtocols && !x.whole() {
		return errInsideBody // the transport reads the body from what would be the socket's
	}
	if x.body.failed.Load() {
		closeAfter(x.client)
	}
	if x.route.deployment != nil {
		res.Header["X-Davit-Deployment"] = x.route.deployment
	}
	return nil
}

// fail answers for a target that did not.
func (x *exchange) fail(w http.ResponseWriter, out *http.Request, err error) {
	if x.in.Context().Err() != nil {
		w.WriteHeader(statusClientGone) // nobody reads it
		return
	}
	id := out.Header.Get("X-Request-Id")
	if x.body.failed.Load() || errors.Is(err, errInsideBody) {
		closeAfter(x.client)
		x.server.page(w, x.in, pageBadRequest, id)
		return
	}
	x.route.count.failures.Add(1)
	p := pageBadGateway
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		p = pageTimeout
	case unsent(err):
		p = pageRefused
	}
	x.server.log.DebugContext(x.in.Context(), "target did not answer",
		"instance", x.route.Instance, "replica", x.target.ReplicaID, "error", err)
	x.server.page(w, x.in, p, id)
}

// statusClientGone is nginx's status for a client that left before the answer.
const statusClientGone = 499

// buffers are the copy buffers of responses under way.
type buffers struct{ pool sync.Pool }

const bufferSize = 32 << 10

func (b *buffers) Get() []byte {
	if p, ok := b.pool.Get().(*[bufferSize]byte); ok {
		return p[:]
	}
	return make([]byte, bufferSize)
}

func (b *buffers) Put(p []byte) { b.pool.Put((*[bufferSize]byte)(p)) }
