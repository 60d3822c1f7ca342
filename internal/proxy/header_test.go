package proxy

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// oneConn is a listener that gives out one end of a pipe, whose deadlines are on
// the clock of synctest.
type oneConn struct {
	net.Conn

	conns chan net.Conn
}

func (l oneConn) Accept() (net.Conn, error) {
	if conn, ok := <-l.conns; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}

func (l oneConn) Close() error   { close(l.conns); return nil }
func (l oneConn) Addr() net.Addr { return l.LocalAddr() }

// A network that loses packets, and a machine that stands still while a request
// comes in, look the same to the proxy: the rest of a header comes late. A
// header that never comes is not waited for without end.
func TestAHeaderThatComesLateIsAnswered(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		late     time.Duration
		answered bool
	}{
		"as after some lost packets": {12 * time.Second, true},
		"as after a short stop":      {headerTime - time.Second, true},
		"never":                      {headerTime + time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newServer(Options{Data: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
				client, server := net.Pipe()
				defer client.Close()
				ln := oneConn{server, make(chan net.Conn, 1)}
				ln.conns <- server
				done := make(chan error, 1)
				go func() { done <- s.http.Serve(ln) }()
				defer func() { s.http.Close(); <-done }()

				if _, err := io.WriteString(client, "GET / HTTP/1.1\r\nHost: shop.localhost\r\n"); err != nil {
					t.Fatal(err)
				}
				time.Sleep(c.late) // of the bubble
				_, err := io.WriteString(client, "Connection: close\r\n\r\n")
				if !c.answered {
					if err == nil {
						t.Error("a header that is over a minute late is still read")
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				res, err := http.ReadResponse(bufio.NewReader(client), nil)
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				if _, err := io.ReadAll(res.Body); err != nil || res.StatusCode != http.StatusNotFound { // there are no routes
					t.Errorf("it answers %s, %v", res.Status, err)
				}
			})
		})
	}
}
