package proxy_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/davitdev/davit/internal/proxy"
)

// echoSocket echoes messages and tells closed how each connection ended.
func echoSocket(t *testing.T, closed chan<- error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		c.SetReadLimit(-1)
		for {
			kind, b, err := c.Read(context.WithoutCancel(r.Context()))
			if err != nil {
				closed <- err
				return
			}
			if err := c.Write(context.WithoutCancel(r.Context()), kind, b); err != nil {
				closed <- err
				return
			}
		}
	})
}

func dialSocket(t *testing.T, p *running) *websocket.Conn {
	t.Helper()
	opts := &websocket.DialOptions{HTTPClient: client(t, p.addr)}
	c, _, err := websocket.Dial(t.Context(), "ws://shop.localhost/", opts) //nolint:bodyclose // is the connection
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	c.SetReadLimit(-1)
	return c
}

func TestWebsocketsEcho(t *testing.T) {
	t.Parallel()
	closed := make(chan error, 1)
	target, _ := serve(t, echoSocket(t, closed))
	p := start(t, nil)
	p.push(routeTo(target))
	c := dialSocket(t, p)
	for _, size := range []int{0, 1, 125, 126, 65535, 65536, 1 << 20} {
		want := strings.Repeat("x", size)
		if err := c.Write(t.Context(), websocket.MessageText, []byte(want)); err != nil {
			t.Fatal(err)
		}
		if _, got, err := c.Read(t.Context()); err != nil || string(got) != want {
			t.Fatalf("%d bytes: got %d, %v", size, len(got), err)
		}
	}
	if err := c.Close(websocket.StatusNormalClosure, "bye"); err != nil {
		t.Error(err)
	}
	if err := <-closed; websocket.CloseStatus(err) != websocket.StatusNormalClosure {
		t.Errorf("the app saw %v", err)
	}
}

func TestASilentWebsocketIsAskedToReconnect(t *testing.T) {
	t.Parallel()
	closed := make(chan error, 1)
	target, _ := serve(t, echoSocket(t, closed))
	p := start(t, nil)
	p.push(routeTo(target))
	c := dialSocket(t, p)
	p.push()
	began := time.Now()
	var left int64
	done := make(chan error, 1)
	go func() {
		var err error
		left, err = p.Drain(t.Context(), []proxy.Target{target}, time.Minute)
		done <- err
	}()
	if _, _, err := c.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusServiceRestart {
		t.Errorf("the client saw %v", err)
	}
	if err := <-closed; websocket.CloseStatus(err) != websocket.StatusServiceRestart {
		t.Errorf("the app saw %v, not the client's answer", err)
	}
	if err := <-done; err != nil || left != 0 || time.Since(began) > 30*time.Second {
		t.Errorf("%d left after %s, %v", left, time.Since(began), err)
	}
}

// However short a drain is, no websocket is cut without a word.
func TestADrainWithoutTimeSaysGoodbye(t *testing.T) {
	t.Parallel()
	target, _ := serve(t, echoSocket(t, make(chan error, 1)))
	p := start(t, nil)
	p.push(routeTo(target))
	c := dialSocket(t, p)
	p.push()
	if _, err := p.Drain(t.Context(), []proxy.Target{target}, 0); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusServiceRestart {
		t.Errorf("the client saw %v", err)
	}
}

// A websocket that the app accepts when the others have been told is told too.
func TestAWebsocketAcceptedInADrainIsAskedToReconnect(t *testing.T) {
	t.Parallel()
	accept, asked := make(chan struct{}), make(chan struct{})
	echo := echoSocket(t, make(chan error, 1))
	target, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(asked)
		<-accept
		echo.ServeHTTP(w, r)
	}))
	p := start(t, nil)
	p.push(routeTo(target))
	saw := make(chan error, 1)
	go func() {
		c, _, err := websocket.Dial(t.Context(), "ws://shop.localhost/", &websocket.DialOptions{HTTPClient: client(t, p.addr)}) //nolint:bodyclose // is the connection
		if err == nil {
			_, _, err = c.Read(t.Context())
		}
		saw <- err
	}()
	<-asked
	p.push()
	const patience = 4 * time.Second // of which the last 1.25 s are the farewell
	time.AfterFunc(patience-time.Second, func() { close(accept) })
	if left, err := p.Drain(t.Context(), []proxy.Target{target}, patience); err != nil || left != 0 {
		t.Errorf("%d left, %v", left, err)
	}
	if err := <-saw; websocket.CloseStatus(err) != websocket.StatusServiceRestart {
		t.Errorf("the client saw %v", err)
	}
}

func TestABusyWebsocketIsClosedBetweenTwoMessages(t *testing.T) {
	t.Parallel()
	// The app sends without pause, in frames the proxy has to cut its copy at.
	target, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = c.CloseNow() }()
		for i := 0; ; i++ {
			if c.Write(context.WithoutCancel(r.Context()), websocket.MessageText, []byte(strings.Repeat("y", i%9000))) != nil {
				return
			}
		}
	}))
	p := start(t, nil)
	p.push(routeTo(target))
	c := dialSocket(t, p)
	read := make(chan error, 1)
	var end time.Time
	go func() {
		for i := 0; ; i++ {
			_, b, err := c.Read(t.Context())
			end = time.Now()
			if err == nil && string(b) != strings.Repeat("y", i%9000) {
				err = fmt.Errorf("message %d is %d bytes", i, len(b))
			}
			if err != nil {
				read <- err
				return
			}
		}
	}()
	p.push()
	began := time.Now()
	left, err := p.Drain(t.Context(), []proxy.Target{target}, 2*time.Second)
	if err != nil || left != 0 {
		t.Errorf("%d left, %v", left, err)
	}
	if err := <-read; websocket.CloseStatus(err) != websocket.StatusServiceRestart || end.Sub(began) < 500*time.Millisecond {
		t.Errorf("after %s the client saw %v", end.Sub(began), err)
	}
}

func TestAClientThatDoesNotReadCannotHoldADrain(t *testing.T) {
	t.Parallel()
	target, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = c.CloseNow() }()
		for c.Write(context.WithoutCancel(r.Context()), websocket.MessageBinary, make([]byte, 1<<20)) == nil {
		}
	}))
	p := start(t, nil)
	p.push(routeTo(target))
	dialSocket(t, p)
	p.push()
	if left, err := p.Drain(t.Context(), []proxy.Target{target}, 2*time.Second); err != nil || left != 0 {
		t.Errorf("%d left, %v", left, err)
	}
}

// upgradeTo speaks a line protocol after switching.
func upgradeTo(t *testing.T, protocol string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", protocol)
		for {
			line, err := rw.ReadString('\n')
			if err != nil {
				return
			}
			fmt.Fprint(conn, "echo ", line)
		}
	})
}

func TestOtherProtocolsPassAndEndWithTheDrain(t *testing.T) {
	t.Parallel()
	target, _ := serve(t, upgradeTo(t, "lines"))
	p := start(t, nil)
	p.push(routeTo(target))
	conn, err := net.Dial("tcp", p.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	// The first line comes before the switch is confirmed and is not lost.
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: shop.localhost\r\nConnection: Upgrade\r\nUpgrade: lines\r\n\r\nearly\n")
	r := bufio.NewReader(conn)
	res, err := http.ReadResponse(r, nil) //nolint:bodyclose // has none
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v %v", res, err)
	}
	if line, err := r.ReadString('\n'); line != "echo early\n" {
		t.Fatalf("got %q, %v", line, err)
	}
	fmt.Fprint(conn, "late\n")
	if line, err := r.ReadString('\n'); line != "echo late\n" {
		t.Fatalf("got %q, %v", line, err)
	}
	p.push()
	if left, err := p.Drain(t.Context(), []proxy.Target{target}, time.Second); err != nil || left != 0 {
		t.Errorf("%d left, %v", left, err)
	}
	if b, err := io.ReadAll(r); len(b) > 0 || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("after the drain: %q %v", b, err)
	}
}

func TestNoTunnelForHTTP2(t *testing.T) {
	t.Parallel()
	target, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "upgrade=%q settings=%q", r.Header.Get("Upgrade"), r.Header.Get("HTTP2-Settings"))
	}))
	p := start(t, nil)
	p.push(routeTo(target))
	got := raw(t, p.addr, "GET / HTTP/1.1\r\nHost: shop.localhost\r\nConnection: close, Upgrade, HTTP2-Settings\r\nUpgrade: H2C\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n")
	if !strings.HasSuffix(got, `upgrade="" settings=""`) {
		t.Errorf("the app saw %s", got)
	}
}
