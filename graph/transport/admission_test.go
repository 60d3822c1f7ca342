package transport_test

import (
	"net/http"
	"testing"

	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/coder/websocket"

	"github.com/davitdev/davit/graph/transport"
)

// knock dials, leaves again, and returns the status and the code of what the
// server said.
func (s *server) knock(tb testing.TB, change func(*websocket.DialOptions)) (status int, code string) {
	tb.Helper()
	conn, got := s.tryDial(tb, change)
	if conn != nil {
		_ = conn.CloseNow()
		return got.status, ""
	}
	return got.status, codes(tb, got.body)[0]
}

func as(user string) func(*websocket.DialOptions) {
	return func(o *websocket.DialOptions) { o.HTTPHeader.Set("X-User", user) }
}

func TestWebSocketSocketsAreCapped(t *testing.T) {
	t.Parallel()

	t.Run("by address", func(t *testing.T) {
		t.Parallel()
		s := serve(t, listen(t), func(ws *transport.WebSocket, _ *handler.Server) { ws.Limits.PerAddress = 2 })
		first := s.connect(t)
		s.connect(t)
		if status, code := s.knock(t, nil); status != http.StatusTooManyRequests || code != "TOO_MANY_REQUESTS" {
			t.Errorf("got %d %s", status, code)
		}
		if err := first.conn.Close(websocket.StatusNormalClosure, ""); err != nil {
			t.Fatal(err)
		}
		s.eventually(t, func() bool { status, _ := s.knock(t, nil); return status == http.StatusSwitchingProtocols })
	})
	t.Run("by address, of those nobody has signed in on", func(t *testing.T) {
		t.Parallel()
		s := serve(t, listen(t), func(ws *transport.WebSocket, _ *handler.Server) { ws.Limits.PerAddress = 1 })
		first := s.dial(t, nil)
		if status, _ := s.knock(t, nil); status != http.StatusTooManyRequests {
			t.Errorf("got %d", status)
		}
		if status, _ := s.knock(t, as("bob")); status != http.StatusSwitchingProtocols {
			t.Errorf("nobody keeps bob out with %d", status)
		}
		first.send(`{"type":"connection_init","payload":{"authorization":"ann"}}`)
		first.want(ack)
		if status, _ := s.knock(t, nil); status != http.StatusSwitchingProtocols {
			t.Errorf("ann still counts as nobody: %d", status)
		}
	})
	t.Run("by principal, known at the upgrade", func(t *testing.T) {
		t.Parallel()
		s := serve(t, listen(t), func(ws *transport.WebSocket, _ *handler.Server) { ws.Limits.PerPrincipal = 1 })
		s.dial(t, as("ann"))
		if status, code := s.knock(t, as("ann")); status != http.StatusTooManyRequests || code != "TOO_MANY_REQUESTS" {
			t.Errorf("got %d %s", status, code)
		}
		s.dial(t, as("bob"))
		s.connect(t) // nobody is not counted
		s.connect(t)
	})
	t.Run("by principal, known after the init", func(t *testing.T) {
		t.Parallel()
		s := serve(t, listen(t), func(ws *transport.WebSocket, _ *handler.Server) { ws.Limits.PerPrincipal = 1 })
		first := s.dial(t, as("bob"))
		first.send(`{"type":"connection_init","payload":{"authorization":"ann"}}`)
		first.want(ack)
		second := s.dial(t, as("bob")) // bob became ann, so there is room
		second.send(`{"type":"connection_init","payload":{"authorization":"ann"}}`)
		second.wantClose(1013, "Too many sockets")
		s.eventually(t, func() bool { status, _ := s.knock(t, as("bob")); return status == http.StatusSwitchingProtocols })
	})
}

func TestWebSocketOrigin(t *testing.T) {
	t.Parallel()

	s := serve(t, listen(t), nil)
	for origin, want := range map[string]int{
		"":                                101,
		"http://" + s.ln.Addr().String():  101,
		"https://" + s.ln.Addr().String(): 101,
		"http://evil.example":             403,
		"http://" + s.ln.Addr().String() + ".evil.example": 403,
		"null":      403,
		"http://%z": 403,
	} {
		status, code := s.knock(t, func(o *websocket.DialOptions) { o.HTTPHeader.Set("Origin", origin) })
		if status != want || want == 403 && code != "FORBIDDEN" {
			t.Errorf("%s: got %d %s, want %d", origin, status, code, want)
		}
	}
}

func TestPeerAddress(t *testing.T) {
	t.Parallel()

	for remote, want := range map[string]string{
		"192.0.2.7:4711":            "192.0.2.7",
		"[::ffff:192.0.2.7]:4711":   "192.0.2.7",
		"[2001:db8:1:2:3:4:5:6]:80": "2001:db8:1:2::/64",
		"[fe80::1%eth0]:80":         "fe80::/64",
		"@":                         "@",
	} {
		if got := transport.PeerAddress(&http.Request{RemoteAddr: remote}); got != want {
			t.Errorf("%s: got %s, want %s", remote, got, want)
		}
	}
}

func TestWebSocketBrokenHandshakes(t *testing.T) {
	t.Parallel()

	s := serve(t, listen(t), func(ws *transport.WebSocket, _ *handler.Server) { ws.Limits.PerAddress = 1 })
	whole := map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
	}
	for header, want := range map[string]int{"Connection": 426, "Sec-WebSocket-Version": 400, "Sec-WebSocket-Key": 400} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range whole {
			if name != header {
				r.Header.Set(name, value)
			}
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t, resp); got.status != want || codes(t, got.body)[0] != "BAD_REQUEST" {
			t.Errorf("without %s: got %v, want %d", header, got, want)
		}
	}
	s.connect(t) // none of them took a slot for good
}
