package transport

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/coder/websocket"

	"github.com/davitdev/davit/internal/fault"
)

// socket is one client's connection. Its goroutine reads; whoever has a
// message writes.
type socket struct {
	transport *WebSocket
	exec      graphql.GraphExecutor
	conn      *websocket.Conn
	wire      *wire
	address   string
	principal string // guarded by transport.mu

	initialised bool // a connection_init came; only messages are handled with it

	writing sync.Mutex
	closing atomic.Bool    // a close frame was sent, or is about to be
	heard   atomic.Bool    // anything since the last ping
	unsent  atomic.Int64   // bytes of results that wait for their turn or are being written
	helpers sync.WaitGroup // operations and timers

	mu         sync.Mutex
	ended      bool
	operations map[string]*operation // by id, those the client waits for
	running    int                   // operations, also those the client completed
	singles    int                   // operations a restart waits for
	drained    chan struct{}         // closed when singles is 0; nil unless draining
	timer      *time.Timer           // of connection_init, then of the ping
}

// run serves the socket until it ends, and leaves nothing of it behind.
func (s *socket) run(ctx context.Context) {
	defer s.transport.leave(s)
	ctx, cancel := context.WithCancel(ctx)
	err := s.serve(ctx)
	c, ours := errors.AsType[*closing](err)
	if ours {
		s.closing.Store(true) // before the operations can fail to write
	}
	cancel()
	s.end()
	if ours {
		s.close(c)
	} else {
		_ = s.conn.CloseNow()
	}
	s.helpers.Wait()
}

// serve reads messages until one is wrong or the connection ends.
func (s *socket) serve(ctx context.Context) error {
	if !s.transport.open(s) {
		return s.transport.returnLater()
	}
	if s.conn.Subprotocol() != subprotocol {
		return closef(closeSubprotocol, "Subprotocol not acceptable")
	}
	s.arm(s.transport.Limits.InitTimeout, func() {
		s.close(closef(closeInitTimeout, "Connection initialisation timeout"))
	})
	reading := context.WithoutCancel(ctx) // the connection's end ends it
	for {
		kind, r, err := s.conn.Reader(reading)
		if err != nil {
			return err
		}
		err = s.apart(ctx, func() error {
			m, err := s.read(kind, r)
			if err == nil {
				ctx, err = s.handle(ctx, m)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
}

// apart calls f and waits for it. It does so on another stack, because a stack
// that grew stays grown while its goroutine sleeps in a read, and most sockets
// do little else.
func (s *socket) apart(ctx context.Context, f func() error) error {
	done := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil { // in a hook
				s.transport.Log.ErrorContext(ctx, "websocket panicked", "panic", p, "stack", string(debug.Stack()))
				done <- closef(closeInternalError, "Internal server error")
			}
		}()
		done <- f()
	}()
	return <-done
}

// read takes in the message in r.
func (s *socket) read(kind websocket.MessageType, r io.Reader) (message, error) {
	b := s.transport.Encoder.buffer()
	defer s.transport.Encoder.release(b)
	if _, err := b.ReadFrom(r); err != nil {
		if errors.Is(err, websocket.ErrMessageTooBig) {
			err = closef(websocket.StatusMessageTooBig, "Message too big")
		}
		return message{}, err
	}
	if kind != websocket.MessageText {
		return message{}, closef(closeBadRequest, "Invalid message: not text")
	}
	return parse(b.Bytes())
}

// handle does what m asks for and returns the context for the messages after
// it.
func (s *socket) handle(ctx context.Context, m message) (context.Context, error) {
	s.heard.Store(true)
	switch m.kind {
	case connectionInit:
		if s.initialised {
			return ctx, closef(closeTooManyInits, "Too many initialisation requests")
		}
		s.initialised = true
		s.beatLater(ctx)
		return s.init(ctx, m.payload)
	case ping:
		return ctx, s.send(ctx, bare(pong, m.payload))
	case subscribe:
		if !s.initialised {
			return ctx, closef(closeUnauthorized, "Unauthorized")
		}
		return ctx, s.subscribe(ctx, m)
	case complete:
		s.cancel(m.id)
	}
	return ctx, nil
}

// init asks the hook who is there and acknowledges the connection.
func (s *socket) init(ctx context.Context, payload json.RawMessage) (context.Context, error) {
	var fields map[string]any
	if len(payload) > 0 {
		if err := json.Unmarshal(payload, &fields); err != nil {
			return nil, closef(closeBadRequest, "Invalid message: %s", connectionInit)
		}
	}
	t := s.transport
	joined, err := t.Init(ctx, fields)
	if err != nil {
		class := fault.CodeOf(err).Info().Class
		if class == fault.ClassBug {
			t.Log.ErrorContext(ctx, "websocket init", "err", err)
			return nil, closef(closeInternalError, "Internal server error")
		}
		if class == fault.ClassOutage {
			return nil, closef(websocket.StatusTryAgainLater, "Try again later")
		}
		return nil, closef(closeForbidden, "Forbidden")
	}
	if err := t.rename(s, t.Principal(joined)); err != nil {
		return nil, closef(websocket.StatusTryAgainLater, "Too many sockets")
	}
	return joined, s.send(joined, bare(connectionAck, nil))
}

// send writes messages in one piece, unless ctx has ended by the time it is
// their turn. A client that does not take them in time is cut.
func (s *socket) send(ctx context.Context, messages ...[]byte) error {
	return s.write(ctx, func(*bytes.Buffer) [][]byte { return messages })
}

// write is send for messages that are encoded when it is their turn: what waits
// for the messages of others is not held twice.
func (s *socket) write(ctx context.Context, encode func(*bytes.Buffer) [][]byte) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if ctx.Err() != nil {
		return nil
	}
	b, held := s.transport.Encoder.buffer(), s.transport.Encoder.buffer()
	defer s.transport.Encoder.release(b)
	defer s.transport.Encoder.release(held)
	s.wire.hold(held)
	var err error
	for _, m := range encode(b) {
		err = errors.Join(err, s.conn.Write(context.WithoutCancel(ctx), websocket.MessageText, m)) // the wire has the deadline
	}
	err = errors.Join(err, s.wire.flush())
	if err != nil && !s.closing.Load() { // a close frame may be on its way
		s.cut()
	}
	return err
}

// wait counts what op has to say among what waits for the client, until sent is
// called. A client who leaves too much of it lying is cut.
func (s *socket) wait(bytes int) (sent func()) {
	n := int64(bytes)
	if s.unsent.Add(n) > s.transport.Limits.Unsent && !s.closing.Load() {
		s.cut()
	}
	return func() { s.unsent.Add(-n) }
}
