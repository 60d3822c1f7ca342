package proxy

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// pair are the two ends of a connection.
func pair(t *testing.T) (ours, theirs *net.UnixConn) {
	t.Helper()
	ln, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	conn, err := net.Dial("unix", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	other, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Close() })
	return conn.(*net.UnixConn), other.(*net.UnixConn)
}

// breaks reports whether a connection is broken within d.
func breaks(t *testing.T, conn net.Conn, d time.Duration) bool {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(d)); err != nil {
		t.Fatal(err)
	}
	_, err := conn.Read(make([]byte, 1))
	if err == nil || !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("read: %v", err)
	}
	return !errors.Is(err, os.ErrDeadlineExceeded)
}

// printed is like pair, and the other side has said something that nobody takes.
func printed(t *testing.T) (ours, theirs *net.UnixConn) {
	t.Helper()
	ours, theirs = pair(t)
	if _, err := theirs.Write([]byte("line\n")); err != nil {
		t.Fatal(err)
	}
	return ours, theirs
}

func TestAGuardBreaksTheConnectionsOfWhoIsSilent(t *testing.T) {
	t.Parallel()
	data := shortDir(t)
	serveProxy(t, data)
	g := NewGuard(NewClient(data))

	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan struct{})
	go func() { defer close(ran); g.Run(ctx) }()
	alive, peer := printed(t)
	g.Watch(alive)
	if breaks(t, peer, 3*guardSilence) {
		t.Error("it breaks a connection of a process that lives")
	}
	cancel()
	<-ran
	if !breaks(t, peer, 10*time.Second) {
		t.Error("it leaves the connection of a process that has gone")
	}

	g = NewGuard(NewClient(data))
	hung, peer := pair(t)
	g.Watch(hung)
	released, other := pair(t)
	release := g.Watch(released)
	g.connect(t.Context()) // and nobody answers
	release()
	if breaks(t, peer, 3*guardSilence) {
		t.Error("it breaks connections on which nothing waits")
	}
	if _, err := peer.Write([]byte("line\n")); err != nil {
		t.Fatal(err)
	}
	if !breaks(t, peer, 10*time.Second) || !breaks(t, other, 10*time.Second) {
		t.Error("it leaves the connections of a process that is silent")
	}
	// Over the same link it watches over what is new.
	late, peer := printed(t)
	g.Watch(late)
	if g.link == nil || !g.conns[late] {
		t.Error("it is not heard again")
	}
	if !breaks(t, peer, 10*time.Second) {
		t.Error("it leaves the connection of a process that is silent again")
	}
	g.drop()
}

// shortDir is a directory whose path is short enough for a socket.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "px") //nolint:usetesting // TempDir has the test's name in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// serveProxy runs a proxy until the test ends.
func serveProxy(t *testing.T, data string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	report, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, Options{Data: data, Listen: "127.0.0.1:0", Grace: time.Second, Report: w, Log: slog.New(slog.DiscardHandler)})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	if _, err := io.ReadAll(report); err != nil {
		t.Fatal(err)
	}
}
