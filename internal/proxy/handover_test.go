package proxy_test

import (
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/davitdev/davit/internal/proxy"
)

// A machine that is busy answers late, and a needless successor would only add
// to it.
func TestAProxyThatAnswersLateIsNotReplaced(t *testing.T) {
	t.Parallel()
	o := spawn(t, dataDir(t), freeAddr(t), "1")
	_, first, _ := ensure(t, o)
	if err := syscall.Kill(first.PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(3*time.Second, func() { _ = syscall.Kill(first.PID, syscall.SIGCONT) })
	defer late.Stop()
	if _, h, adopted := ensure(t, o); !adopted || h.PID != first.PID {
		t.Errorf("%+v took its place", h)
	}
}

// What a proxy that handed over still has belongs to replicas that its successor
// drains: it does not wait with its websockets, and is not forgotten.
func TestADrainCountsWhatThePredecessorHas(t *testing.T) {
	t.Parallel()
	closed, answer := make(chan error, 1), make(chan struct{})
	echo := echoSocket(t, closed)
	target, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-answer
			return
		}
		echo.ServeHTTP(w, r)
	}))
	old := start(t, nil)
	old.push(routeTo(target))
	socket := dialSocket(t, old)
	done := make(chan struct{})
	go func() {
		defer close(done)
		res, err := client(t, old.addr).Get("http://shop.localhost/slow")
		if err != nil {
			t.Error(err)
			return
		}
		defer res.Body.Close()
		if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != http.StatusOK {
			t.Errorf("answered %s, %v", res.Status, err)
		}
	}()
	waitFor(t, "both requests", func() bool {
		stats, err := old.Stats(t.Context())
		return err == nil && stats.Inflight == 2
	})

	now := start(t, func(o *proxy.Options) { o.Data = old.data })
	now.push()
	drain := func(d time.Duration) int64 {
		t.Helper()
		left, err := now.Drain(t.Context(), []proxy.Target{target}, d)
		if err != nil {
			t.Fatal(err)
		}
		return left
	}
	if left := drain(2 * time.Second); left == 0 {
		t.Error("the request under way is not counted")
	}
	if _, _, err := socket.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusServiceRestart {
		t.Errorf("the websocket saw %v", err)
	}
	close(answer)
	<-done
	if left := drain(20 * time.Second); left != 0 {
		t.Errorf("%d left after the end", left)
	}
}

// A websocket that the app accepts when the others were told of a handover does
// not wait for the silent clients of the proxy that handed over.
func TestAWebsocketAcceptedAfterAHandoverIsAskedToReconnect(t *testing.T) {
	t.Parallel()
	accept, asked := make(chan struct{}), make(chan struct{})
	echo := echoSocket(t, make(chan error, 1))
	target, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(asked)
		<-accept
		echo.ServeHTTP(w, r)
	}))
	old := start(t, nil)
	old.push(routeTo(target))
	silent, err := net.Dial("tcp", old.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	saw := make(chan error, 1)
	go func() {
		c, _, err := websocket.Dial(t.Context(), "ws://shop.localhost/", &websocket.DialOptions{HTTPClient: client(t, old.addr)}) //nolint:bodyclose // is the connection
		if err == nil {
			_, _, err = c.Read(t.Context())
		}
		saw <- err
	}()
	<-asked
	now := start(t, func(o *proxy.Options) { o.Data = old.data })
	now.push()
	time.AfterFunc(time.Second, func() { close(accept) }) // the others were told by then
	_, err = now.Drain(t.Context(), []proxy.Target{target}, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-saw:
		if websocket.CloseStatus(err) != websocket.StatusServiceRestart {
			t.Errorf("the client saw %v", err)
		}
	default:
		t.Error("the client was not told while its replica was drained")
	}
}

// The end of a proxy between two others says nothing of the first.
func TestADrainCountsWhatThePredecessorOfThePredecessorHas(t *testing.T) {
	t.Parallel()
	entered, answer := make(chan struct{}), make(chan struct{})
	target, _ := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(entered)
		<-answer
	}))
	first := start(t, func(o *proxy.Options) { o.Grace = time.Minute })
	first.push(routeTo(target))
	c, done := client(t, first.addr), make(chan struct{})
	go func() {
		defer close(done)
		if res := get(t, c, "http://shop.localhost/"); res.status != http.StatusOK {
			t.Errorf("answered %d", res.status)
		}
	}()
	<-entered
	start(t, func(o *proxy.Options) { o.Data, o.Grace = first.data, time.Minute })
	third := start(t, func(o *proxy.Options) { o.Data = first.data })
	third.push()
	left, err := third.Drain(t.Context(), []proxy.Target{target}, 2*time.Second)
	if err != nil || left == 0 {
		t.Errorf("with the request under way: %d left, %v", left, err)
	}
	close(answer)
	<-done
	c.CloseIdleConnections()
	left, err = third.Drain(t.Context(), []proxy.Target{target}, 20*time.Second)
	if err != nil || left != 0 {
		t.Errorf("after the end: %d left, %v", left, err)
	}
}
