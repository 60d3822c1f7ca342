package transport

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/coder/websocket"

	"github.com/davitdev/davit/internal/fault"
)

// WebSocket is graphql-transport-ws to the letter: operations of all kinds,
// many on one socket. Its exported fields are required and must not change
// once it serves.
//
// A socket costs one goroutine and each running operation one more; they end
// with the socket. There is no queue: an operation waits until its message is
// out, so that a client who reads slowly slows nobody but itself, holds no
// more than a message per operation and Limits.Unsent in all, and is cut after
// Limits.WriteTimeout.
//
// An operation's context carries what the upgrade request's carried and Init
// added. It ends when the operation is completed or the socket is gone, not
// when the upgrade request is. RawParams.Headers is nil.
type WebSocket struct {
	Encoder *Encoder
	Log     *slog.Logger
	Limits  Limits

	// Origin reports whether a page of r's origin may open a socket; see
	// SameOrigin.
	Origin func(r *http.Request) bool
	// Address is what counts as one remote address; see PeerAddress.
	Address func(r *http.Request) string
	// Principal is the key of who is asking in ctx, "" for nobody. It is asked
	// at the upgrade and again after Init.
	Principal func(ctx context.Context) string
	// Init is called with the payload of connection_init, nil if there is
	// none. The context it returns, derived from ctx, is that of all
	// operations. Its error closes the socket: an outage with 1013, so that
	// the client comes back, a bug with 4500, and all others with 4403.
	Init func(ctx context.Context, payload map[string]any) (context.Context, error)

	mu       sync.Mutex
	draining bool
	slots    slots
	sockets  map[*socket]struct{}
	running  sync.WaitGroup // sockets
}

var _ graphql.Transport = (*WebSocket)(nil)

// Supports reports whether r asks for a websocket.
func (*WebSocket) Supports(r *http.Request) bool { return IsUpgrade(r) }

// Do upgrades r and returns; the socket lives on in a goroutine of its own
// until the client leaves or Shutdown ends it.
func (t *WebSocket) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	if !t.Origin(r) {
		t.fail(w, r, fault.New(fault.Forbidden, "Pages of this origin may not connect."))
		return
	}
	s := &socket{
		transport:  t,
		exec:       exec,
		address:    t.Address(r),
		principal:  t.Principal(r.Context()),
		operations: map[string]*operation{},
	}
	if err := t.enter(s); err != nil {
		t.fail(w, r, err)
		return
	}
	h := &hijacker{ResponseWriter: w, timeout: t.Limits.WriteTimeout}
	conn, err := websocket.Accept(h, r, &websocket.AcceptOptions{
		Subprotocols:       []string{subprotocol},
		InsecureSkipVerify: true, // Origin has decided
		CompressionMode:    websocket.CompressionDisabled,
	})
	if err != nil {
		t.leave(s)
		if h.status != 0 {
			t.Encoder.refuse(w, r, mediaJSON, h.status, Present(fault.New(fault.BadRequest, "This is no websocket handshake of version 13.")))
		}
		return
	}
	conn.SetReadLimit(t.Limits.Message)
	s.conn, s.wire = conn, h.wire
	// The request's context ends when this method returns.
	go s.run(context.WithoutCancel(r.Context()))
}

func (t *WebSocket) fail(w http.ResponseWriter, r *http.Request, err *fault.Error) {
	t.Encoder.refuse(w, r, mediaJSON, err.Code.Info().Status, Present(err))
}

// enter counts s in, or says why not.
func (t *WebSocket) enter(s *socket) *fault.Error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.draining {
		return restarting()
	}
	if err := t.slots.take(t.Limits, s.principal, s.address); err != nil {
		return err
	}
	t.running.Add(1)
	return nil
}

// open makes s known to Shutdown, once it has a connection; false means that
// Shutdown has begun meanwhile.
func (t *WebSocket) open(s *socket) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sockets == nil {
		t.sockets = map[*socket]struct{}{}
	}
	t.sockets[s] = struct{}{}
	return !t.draining
}

// rename counts s as one of principal's.
func (t *WebSocket) rename(s *socket, principal string) *fault.Error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if principal == s.principal {
		return nil
	}
	if err := t.slots.take(t.Limits, principal, s.address); err != nil {
		return err
	}
	t.slots.free(s.principal, s.address)
	s.principal = principal
	return nil
}

func (t *WebSocket) leave(s *socket) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.slots.free(s.principal, s.address)
	delete(t.sockets, s)
	t.running.Done()
}

func restarting() *fault.Error {
	return fault.New(fault.Unavailable, "The server is restarting; connect again.")
}

// returnLater tells a client to connect again, each after a moment of its own.
func (t *WebSocket) returnLater() *closing {
	return closef(websocket.StatusServiceRestart, "Service restart: retry after %d ms", rand.N(max(t.Limits.Reconnect, 1)).Milliseconds())
}

// Shutdown ends all sockets and returns when their goroutines have. No socket
// and no operation starts any more; running queries and mutations have until
// ctx ends to finish, subscriptions end at once. Clients get the close code
// 1012 with a reason that says when to come back, a different moment for each.
// When ctx ends, what is left is cut and its error returned.
//
// An http.Server does not do this by itself: it forgets upgraded connections.
func (t *WebSocket) Shutdown(ctx context.Context) error {
	t.mu.Lock()
	t.draining = true
	left := make([]*socket, 0, len(t.sockets))
	for s := range t.sockets {
		left = append(left, s)
	}
	t.mu.Unlock()

	for _, s := range left {
		go s.drain(ctx)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		t.running.Wait()
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
