package transport_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/coder/websocket"

	"github.com/davitdev/davit/graph/transport"
)

// eventually waits until done reports true, for what happens in another
// goroutine without a sign.
func (s *server) eventually(tb testing.TB, done func() bool) {
	tb.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-deadline:
			tb.Fatal("it did not come to pass in 20 s")
		case <-tick.C:
		}
	}
}

// bubble runs test against a server in memory, on a clock that jumps.
func bubble(t *testing.T, change func(*transport.WebSocket, *handler.Server), test func(*testing.T, *server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, serve(t, newPipes(), change)) })
}

func TestWebSocketInitTimeout(t *testing.T) {
	t.Parallel()

	bubble(t, nil, func(t *testing.T, s *server) {
		start := time.Now()
		c := s.dial(t, nil)
		c.send(`{"type":"ping"}`) // is no init
		c.want(`{"type":"pong"}`)
		c.wantClose(4408, "Connection initialisation timeout")
		if took := time.Since(start); took != s.ws.Limits.InitTimeout {
			t.Errorf("closed after %v", took)
		}
	})
}

// The hook may ask a slow database; the client has done its part.
func TestWebSocketASlowInitHookIsNoTimeout(t *testing.T) {
	t.Parallel()

	bubble(t, func(ws *transport.WebSocket, _ *handler.Server) {
		ws.Init = func(ctx context.Context, _ map[string]any) (context.Context, error) {
			<-time.After(2 * ws.Limits.InitTimeout)
			return ctx, nil
		}
	}, func(t *testing.T, s *server) {
		s.connect(t)
	})
}

func TestWebSocketKeepAlive(t *testing.T) {
	t.Parallel()

	t.Run("who answers stays", func(t *testing.T) {
		t.Parallel()
		bubble(t, nil, func(t *testing.T, s *server) {
			start := time.Now()
			c := s.connect(t)
			for i := range 100 {
				c.want(`{"type":"ping"}`)
				if got, want := time.Since(start), time.Duration(i+1)*s.ws.Limits.KeepAlive; got != want {
					t.Fatalf("ping %d came after %v, want %v", i, got, want)
				}
				c.send(`{"type":"pong"}`)
			}
		})
	})
	t.Run("who is silent is cut", func(t *testing.T) {
		t.Parallel()
		bubble(t, nil, func(t *testing.T, s *server) {
			start := time.Now()
			c := s.connect(t)
			c.subscribe("1", "subscription{idle}")
			c.wantCut()
			<-s.ended
			if took := time.Since(start); took != 2*s.ws.Limits.KeepAlive {
				t.Errorf("cut after %v", took)
			}
		})
	})
}

func TestWebSocketAClientThatDoesNotReadIsCut(t *testing.T) {
	t.Parallel()

	bubble(t, nil, func(t *testing.T, s *server) {
		c := s.connect(t)
		start := time.Now()
		c.subscribe("1", "subscription{flood(bytes:100)}") // and now reads nothing: pipes have no buffer
		<-s.ended
		if took := time.Since(start); took != s.ws.Limits.WriteTimeout {
			t.Errorf("cut after %v", took)
		}
		c.wantCut()
	})
}

// A close frame is the last thing a client gets, also while messages are on
// their way in both directions; a connection that was cut would lose it.
func TestWebSocketACloseFrameArrivesThroughTheNoise(t *testing.T) {
	t.Parallel()

	last := func(c *client) error {
		for {
			if _, err := c.read(); err != nil {
				return err
			}
		}
	}
	noisy := func(t *testing.T, s *server) *client {
		c := s.connect(t)
		for _, id := range []string{"1", "2", "3"} {
			c.subscribe(id, "subscription{flood(bytes:1000)}")
		}
		return c
	}
	t.Run("after a wrong message", func(t *testing.T) {
		t.Parallel()
		s := serve(t, listen(t), nil)
		for range 50 {
			c := noisy(t, s)
			c.send("nonsense")
			_ = c.conn.Write(t.Context(), websocket.MessageText, []byte(`{"id":"4","type":"subscribe","payload":{"query":"{hello}"}}`))
			if err := last(c); websocket.CloseStatus(err) != 4400 {
				t.Fatalf("got %v", err)
			}
		}
	})
	t.Run("after a shutdown, to a client that lags and goes on talking", func(t *testing.T) {
		t.Parallel()
		s := serve(t, listen(t), nil)
		conn := idle(t, s)
		defer conn.Close()
		// Much of this waits in the server's kernel, and the close frame behind it.
		if _, err := fmt.Fprint(conn, frame(`{"id":"2","type":"subscribe","payload":{"query":"subscription{count(to:5000)}"}}`)); err != nil {
			t.Fatal(err)
		}
		<-s.ended
		done := make(chan error)
		go func() { done <- s.ws.Shutdown(t.Context()) }()
		for i := range 500 {
			if _, err := fmt.Fprint(conn, frame(fmt.Sprintf(`{"id":"a%d","type":"subscribe","payload":{"query":"{hello}"}}`, i))); err != nil {
				t.Fatal(err)
			}
			runtime.Gosched()
		}
		var got []byte
		for chunk := make([]byte, 4<<10); !bytes.Contains(got, []byte("Service restart: retry after")); {
			n, err := conn.Read(chunk)
			if got = append(got, chunk[:n]...); err != nil {
				t.Fatalf("no close frame: %v", err)
			}
		}
		_ = conn.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// The same over TCP, where the kernel takes some, and with others around.
func TestWebSocketAClientThatDoesNotReadCostsNobodyElseAnything(t *testing.T) {
	t.Parallel()

	s := serve(t, listen(t), func(ws *transport.WebSocket, _ *handler.Server) { ws.Limits.WriteTimeout = 500 * time.Millisecond })
	stalled, other := s.connect(t), s.connect(t)
	stalled.subscribe("1", "subscription{flood(bytes:100000)}")
	<-s.sent
	for n := 0; ; n++ {
		other.subscribe("1", "{hello}")
		other.want(`{"id":"1","type":"next","payload":{"data":{"hello":"hello"}}}`, `{"id":"1","type":"complete"}`)
		select {
		case <-s.ended:
			if n == 0 {
				t.Error("the other was not served before the stalled one was cut")
			}
			return
		default:
		}
	}
}

func TestWebSocketShutdown(t *testing.T) {
	t.Parallel()

	t.Run("subscriptions end at once, with a hint when to return", func(t *testing.T) {
		t.Parallel()
		bubble(t, nil, func(t *testing.T, s *server) {
			start := time.Now()
			var clients []*client
			for range 20 {
				c := s.connect(t)
				c.subscribe("1", "subscription{idle}")
				c.want(`{"id":"1","type":"next","payload":{"data":{"idle":0}}}`)
				clients = append(clients, c)
			}
			done := make(chan error)
			go func() { done <- s.ws.Shutdown(t.Context()) }()
			hints := map[string]bool{}
			for _, c := range clients {
				_, err := c.read()
				closed, _ := errors.AsType[websocket.CloseError](err)
				if closed.Code != websocket.StatusServiceRestart || !regexp.MustCompile(`^Service restart: retry after \d{1,4} ms$`).MatchString(closed.Reason) {
					t.Fatalf("got %v", err)
				}
				hints[closed.Reason] = true
			}
			if err := <-done; err != nil {
				t.Error(err)
			}
			if len(hints) < 10 {
				t.Errorf("20 clients got only %d different hints", len(hints))
			}
			if took := time.Since(start); took != 0 {
				t.Errorf("took %v", took)
			}
		})
	})
	t.Run("a mutation finishes, and nothing new begins", func(t *testing.T) {
		t.Parallel()
		bubble(t, nil, func(t *testing.T, s *server) {
			c := s.connect(t)
			c.subscribe("1", "mutation{hold}")
			<-s.started
			done := make(chan error)
			go func() { done <- s.ws.Shutdown(t.Context()) }()
			synctest.Wait()
			c.subscribe("2", "{hello}")
			c.wantError("2", "UNAVAILABLE")
			if status, code := s.knock(t, nil); status != http.StatusServiceUnavailable || code != "UNAVAILABLE" {
				t.Errorf("a new socket got %d %s", status, code)
			}
			close(s.release)
			c.want(`{"id":"1","type":"next","payload":{"data":{"hold":"released"}}}`, `{"id":"1","type":"complete"}`)
			if _, err := c.read(); websocket.CloseStatus(err) != websocket.StatusServiceRestart {
				t.Errorf("got %v", err)
			}
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	})
	t.Run("what does not finish in time is cut", func(t *testing.T) {
		t.Parallel()
		bubble(t, nil, func(t *testing.T, s *server) {
			c := s.connect(t)
			c.subscribe("1", "mutation{hold}")
			<-s.started
			start := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if err := s.ws.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
			if took := time.Since(start); took != time.Second {
				t.Errorf("took %v", took)
			}
			c.wantCut()
		})
	})
	t.Run("a client that never answers the close is cut as well", func(t *testing.T) {
		t.Parallel()
		bubble(t, nil, func(t *testing.T, s *server) {
			s.connect(t) // and reads no more
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := s.ws.Shutdown(ctx); err != nil {
				t.Errorf("got %v", err)
			}
		})
	})
}

// ours counts the goroutines that have something to do with this package.
func ours() int {
	stacks := make([]byte, 64<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	n := 0
	for stack := range bytes.SplitSeq(stacks, []byte("\n\n")) {
		if bytes.Contains(stack, []byte("davit/graph/transport")) {
			n++
		}
	}
	return n
}

// A client may leave in every way there is; nothing of it stays. No test runs
// beside this one.
func TestWebSocketNothingStaysOfClientsThatCameAndWent(t *testing.T) {
	s := serve(t, listen(t), nil)
	s.connect(t) // stays, so that all is running when the counting begins
	before, held := ours(), s.ws.Held()
	const sockets, each = 40, 25
	leave := []func(*client){
		func(c *client) { _ = c.conn.Close(websocket.StatusNormalClosure, "") },
		func(c *client) { _ = c.conn.CloseNow() },
		func(c *client) {
			for i := range each {
				c.send(fmt.Sprintf(`{"id":"%d","type":"complete"}`, i))
			}
			_ = c.conn.CloseNow()
		},
		func(c *client) { c.send("nonsense"); c.wantClose(4400, "Invalid message: not a JSON object") },
	}
	for range 2 {
		var clients []*client
		for range sockets {
			c := s.connect(t)
			clients = append(clients, c)
			for i := range each {
				c.subscribe(fmt.Sprint(i), "subscription{idle}")
			}
			for range each {
				if text, err := c.read(); err != nil || !strings.Contains(text, `"type":"next"`) {
					t.Fatalf("got %s, %v", text, err)
				}
			}
		}
		for range sockets * each {
			<-s.started
		}
		// A goroutine per socket, one per operation, and one of each resolver;
		// here and before one that handled a message may be about to end.
		if n := ours() - before - sockets*(1+2*each); n < -1 || n > 1 {
			t.Errorf("%d goroutines too many for %d sockets and %d subscriptions", n, sockets, sockets*each)
		}
		for i, c := range clients {
			leave[i%len(leave)](c)
		}
		for range sockets * each {
			<-s.ended
		}
		s.eventually(t, func() bool { return ours() <= before && s.ws.Held() == held })
	}
}

// A fast client may send its first frames right behind the handshake.
func TestWebSocketFramesThatComeWithTheHandshakeAreNotLost(t *testing.T) {
	t.Parallel()

	s := serve(t, listen(t), nil)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprint(conn, handshake, frame(begin), frame(`{"id":"1","type":"subscribe","payload":{"query":"{`+strings.Repeat(" ", 1000)+`hello}"}}`)); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	want := []byte("\x81\x19" + ack + "\x81\x48" + `{"id":"1","type":"next","payload":{"data":{"hello":"hello"}}}`)
	want[28] = byte(len(want) - 29)
	got := make([]byte, len(want))
	if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

const handshake = "GET /graphql HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"

// frame is text in a frame of a client, masked with zeros.
func frame(text string) string {
	if n := len(text); n > 125 {
		return string([]byte{0x81, 0x80 | 126, byte(n >> 8), byte(n), 0, 0, 0, 0}) + text
	}
	return string([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}) + text
}
