package proxy

import (
	"context"
	"io"
	"log/slog"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// leavingServer returns a server that leave can be called on.
func leavingServer(t *testing.T) *server {
	t.Helper()
	s := newServer(Options{Data: t.TempDir(), Grace: 30 * time.Second, Log: slog.New(slog.DiscardHandler)})
	var err error
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if s.socket, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	return s
}

// A connection that is no longer HTTP's is not a socket yet.
func TestAnUpgradeUnderWayWhenAProxyLeavesIsAskedToReconnect(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := leavingServer(t)
		s.inflight.add(1)
		left := make(chan struct{})
		go func() { defer close(left); s.leave(t.Context()) }()
		synctest.Wait() // it has nothing but the request to wait for

		client, conn := net.Pipe()
		defer client.Close()
		_, cancel := context.WithCancel(t.Context())
		s.sockets.add(&socket{Conn: conn, owner: &s.sockets, cancel: cancel, websocket: true})
		if err := client.SetReadDeadline(time.Now().Add(s.opts.Grace / 2)); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, len(serviceRestart))
		if _, err := io.ReadFull(client, b); err != nil || string(b) != serviceRestart {
			t.Errorf("the client got %q, %v", b, err)
		}
		s.inflight.add(-1)
		<-left
	})
}

// A successor takes the end of a proxy for the end of those before it, too.
func TestAProxyWaitsForItsPredecessorNoLongerThanItsGrace(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		successor bool
		goes      time.Duration // when the predecessor does
		want      time.Duration
	}{
		"it goes":          {successor: true, goes: 20 * time.Second, want: 20 * time.Second},
		"it hangs":         {successor: true, goes: time.Hour, want: 30 * time.Second},
		"nobody asks":      {successor: false, goes: 20 * time.Second, want: 0},
		"it went long ago": {successor: true, goes: 0, want: 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := leavingServer(t)
				s.moved = test.successor
				s.predecessor = &predecessor{gone: make(chan struct{})}
				time.AfterFunc(test.goes, func() { close(s.predecessor.gone) })
				synctest.Wait()
				began := time.Now()
				s.leave(t.Context())
				if took := time.Since(began); took != test.want {
					t.Errorf("it left after %s, not %s", took, test.want)
				}
			})
		})
	}
}
