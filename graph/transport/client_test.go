package transport_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"
)

// client is one that sends and reads frames as they are.
type client struct {
	testing.TB
	conn *websocket.Conn
}

// dial connects without a word. The connection is cut when the test ends.
func (s *server) dial(tb testing.TB, change func(*websocket.DialOptions)) *client {
	tb.Helper()
	conn, got := s.tryDial(tb, change)
	if conn == nil {
		tb.Fatalf("dial: %v", got)
	}
	tb.Cleanup(func() { _ = conn.CloseNow() })
	return &client{tb, conn}
}

// tryDial returns a connection, or nil and what the server said instead.
func (s *server) tryDial(tb testing.TB, change func(*websocket.DialOptions)) (*websocket.Conn, answer) {
	tb.Helper()
	opts := &websocket.DialOptions{
		Subprotocols: []string{"graphql-transport-ws"},
		HTTPHeader:   http.Header{},
		HTTPClient: &http.Client{Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				if p, ok := s.ln.(*pipes); ok {
					return p.dial()
				}
				return (&net.Dialer{}).DialContext(ctx, "tcp", s.ln.Addr().String())
			},
		}},
	}
	if change != nil {
		change(opts)
	}
	conn, resp, err := websocket.Dial(tb.Context(), s.url(), opts)
	if err == nil {
		conn.SetReadLimit(-1)
		return conn, answer{status: resp.StatusCode}
	}
	if resp == nil {
		tb.Fatal(err)
		return nil, answer{}
	}
	return nil, read(tb, resp)
}

// connect dials and initialises.
func (s *server) connect(tb testing.TB) *client {
	tb.Helper()
	c := s.dial(tb, nil)
	c.send(`{"type":"connection_init"}`)
	c.want(`{"type":"connection_ack"}`)
	return c
}

func (c *client) send(text string) {
	c.Helper()
	if err := c.conn.Write(c.Context(), websocket.MessageText, []byte(text)); err != nil {
		c.Fatalf("send %.80s: %v", text, err)
	}
}

func (c *client) subscribe(id, query string) {
	c.Helper()
	text, err := json.Marshal(map[string]any{"id": id, "type": "subscribe", "payload": map[string]any{"query": query}})
	if err != nil {
		c.Fatal(err)
	}
	c.send(string(text))
}

func (c *client) read() (string, error) {
	ctx, cancel := context.WithTimeout(c.Context(), time.Minute)
	defer cancel()
	_, text, err := c.conn.Read(ctx)
	return string(text), err
}

// want reads one message after the other and compares it, to the byte.
func (c *client) want(messages ...string) {
	c.Helper()
	for _, want := range messages {
		got, err := c.read()
		if err != nil {
			c.Fatalf("waiting for %s: %v", want, err)
		}
		if got != want {
			c.Fatalf("got %s, want %s", got, want)
		}
	}
}

// wantError reads an error message and compares its codes.
func (c *client) wantError(id string, codes ...string) {
	c.Helper()
	text, err := c.read()
	if err != nil {
		c.Fatal(err)
	}
	var m struct {
		ID, Type string
		Payload  []struct {
			Extensions struct{ Code, RequestID string }
		}
	}
	if err := json.Unmarshal([]byte(text), &m); err != nil || m.Type != "error" || m.ID != id {
		c.Fatalf("got %s, want an error of %s (%v)", text, id, err)
	}
	var got []string
	for _, e := range m.Payload {
		got = append(got, e.Extensions.Code)
		if e.Extensions.RequestID != "req_1" {
			c.Errorf("no requestId in %s", text)
		}
	}
	if diff := cmp.Diff(codes, got); diff != "" {
		c.Errorf("codes of %s (-want +got):\n%s", text, diff)
	}
}

// wantClose reads the close frame, which must come next.
func (c *client) wantClose(code int, reason string) {
	c.Helper()
	text, err := c.read()
	closed, ok := errors.AsType[websocket.CloseError](err)
	if !ok {
		c.Fatalf("got %q, %v; want close %d %s", text, err, code, reason)
	}
	if int(closed.Code) != code || closed.Reason != reason {
		c.Errorf("closed with %d %q, want %d %q", closed.Code, closed.Reason, code, reason)
	}
}

// wantCut expects the connection to end without a close frame.
func (c *client) wantCut() {
	c.Helper()
	for {
		_, err := c.read()
		if err == nil {
			continue
		}
		if code := websocket.CloseStatus(err); code != -1 {
			c.Errorf("closed with %d, want a cut", code)
		}
		return
	}
}

// pipes is a network in memory, without buffers and on the clock of synctest.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (p *pipes) dial() (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	return nil
}

func (*pipes) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }
