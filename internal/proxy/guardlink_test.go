package proxy

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// stoppedProxy listens like a proxy that is stopped: the kernel takes what
// comes, nobody else does.
func stoppedProxy(t *testing.T) (*Guard, *net.UnixListener) {
	t.Helper()
	data := shortDir(t)
	ln, err := net.Listen("unix", filepath.Join(data, socketName))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return NewGuard(NewClient(data)), ln.(*net.UnixListener)
}

// soon fails the test unless f returns before a call of the proxy gives up.
func soon(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(callTime / 2):
		t.Fatalf("%s waits for a proxy that is stopped", what)
	}
}

func TestAStoppedProxyHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	g, ln := stoppedProxy(t)
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan struct{})
	go func() { defer close(ran); g.Run(ctx) }()
	defer func() { cancel(); <-ran }()

	first, _ := pair(t)
	release := g.Watch(first)
	asked, err := ln.Accept() // it does not answer
	if err != nil {
		t.Fatal(err)
	}
	defer asked.Close()
	soon(t, "release", release)
	second, _ := pair(t)
	soon(t, "Watch", func() { g.Watch(second) })
}

// many is one of many names of a connection.
type many struct {
	*net.UnixConn

	n int
}

func TestALinkThatIsFullIsGivenUp(t *testing.T) {
	t.Parallel()
	g, _ := stoppedProxy(t)
	conn, _ := pair(t)
	link, _ := pair(t)
	if err := link.SetWriteBuffer(1); err != nil {
		t.Fatal(err)
	}
	for n := range 100 {
		g.conns[many{conn, n}] = false
	}
	g.link = link
	soon(t, "Watch", func() { g.Watch(conn) })
	if g.link != nil || g.conns[conn] {
		t.Error("it takes the proxy to have what it did not take")
	}
}

// A link that does not wait is asked over it for long: no deadline stays.
func TestAQuestionIsAnsweredLongAfterAConnectionWasHandedOver(t *testing.T) {
	t.Parallel()
	g, _ := stoppedProxy(t)
	link, proxy := pair(t)
	g.link = link
	conn, _ := pair(t)
	g.Watch(conn)
	if err := link.SetReadDeadline(time.Now().Add(handTime + handTime/2)); err != nil {
		t.Fatal(err)
	}
	if _, err := link.Read(make([]byte, 1)); err == nil {
		t.Fatal("the proxy spoke")
	}
	if err := link.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	answered := make(chan struct{})
	go func() { defer close(answered); g.answer(link) }()
	defer func() { link.Close(); <-answered }()
	if _, err := proxy.Write([]byte{0}); err != nil {
		t.Fatal(err)
	}
	if err := proxy.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(proxy, make([]byte, 2)); err != nil { // a connection, an answer
		t.Errorf("there is no answer: %v", err)
	}
}

// lastWord does something just before a connection is handed over.
type lastWord struct {
	*net.UnixConn

	do func()
}

func (l *lastWord) SyscallConn() (syscall.RawConn, error) {
	l.do()
	return l.UnixConn.SyscallConn()
}

func TestALinkMayBeLostWhileTheProcessEnds(t *testing.T) {
	t.Parallel()
	g, ln := stoppedProxy(t)
	served := make(chan net.Conn, 1)
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
		}
		served <- conn
	}()
	ctx, cancel := context.WithCancel(t.Context())
	conn, _ := pair(t)
	g.Watch(&lastWord{conn, func() {
		if cancel(); g.link != nil {
			(<-served).Close()
		}
	}})
	if link, _ := g.connect(ctx); link != nil {
		t.Error("it has a link")
	}
}

// A process that ends with a question unread resets the connection.
func TestAProcessThatDiesWithAQuestionUnreadIsGone(t *testing.T) {
	t.Parallel()
	data := shortDir(t)
	serveProxy(t, data)
	c := NewClient(data)
	link, err := c.raw(t.Context(), guardPath)
	if err != nil {
		t.Fatal(err)
	}
	g := NewGuard(c)
	conn, peer := printed(t)
	g.link, g.conns[conn] = link, false
	g.mu.Lock()
	g.hand()
	g.mu.Unlock()
	raw, err := link.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Read(func(fd uintptr) bool { // waits for the question and leaves it
		n, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT) //nolint:gosec // a descriptor
		return n > 0 || err != syscall.EAGAIN
	}); err != nil {
		t.Fatal(err)
	}
	link.Close()
	if !breaks(t, peer, 10*time.Second) {
		t.Error("it leaves the connection of a process that has gone")
	}
}
