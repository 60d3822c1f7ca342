package runner_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/davitdev/davit/runner"
)

// app serves h on loopback and returns its address.
func app(t *testing.T, h http.HandlerFunc) netip.AddrPort {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return netip.MustParseAddrPort(srv.Listener.Addr().String())
}

// silent accepts connections and lets talk do something with them.
func silent(t *testing.T, talk func(net.Conn)) netip.AddrPort {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			talk(conn)
		}
	}()
	t.Cleanup(func() { ln.Close(); <-done })
	return netip.MustParseAddrPort(ln.Addr().String())
}

func TestProbe(t *testing.T) {
	t.Parallel()

	healthy := app(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/bad", http.StatusFound)
		case "/host":
			if r.Host != "shop.example" {
				w.WriteHeader(http.StatusNotFound)
			}
		case "/query":
			if r.URL.RawQuery != "deep=1" {
				w.WriteHeader(http.StatusNotFound)
			}
		case "/bad":
			w.WriteHeader(http.StatusInternalServerError)
			w.Write([]byte("no\x1b[31m database\r\n  here\xff" + strings.Repeat("x", 1<<20)))
		case "/empty":
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	closing := silent(t, func(c net.Conn) { c.Close() })
	mute := silent(t, func(c net.Conn) { t.Cleanup(func() { c.Close() }) })
	garbage := silent(t, func(c net.Conn) {
		go func() { // answers only what was asked, or the probe sees a reset
			c.Read(make([]byte, 1024))
			c.Write([]byte("220 mail.example ESMTP\r\n"))
			c.Close()
		}()
	})
	var nothing netip.AddrPort
	{
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		nothing = netip.MustParseAddrPort(ln.Addr().String())
		ln.Close()
	}
	tests := []struct {
		name   string
		addr   netip.AddrPort
		check  runner.Check
		reason runner.Reason // "" if healthy
		says   string
	}{
		{"a 200 is healthy", healthy, runner.Check{Path: "/"}, "", ""},
		{"a redirect is healthy and not followed", healthy, runner.Check{Path: "/moved"}, "", ""},
		{"a redirect may be asked not to count", healthy, runner.Check{Path: "/moved", Statuses: runner.Statuses{{200, 299}}}, runner.BadStatus, "GET /moved answered 302"},
		{"a host may be sent", healthy, runner.Check{Path: "/host", Host: "shop.example"}, "", ""},
		{"a query is sent", healthy, runner.Check{Path: "/query?deep=1"}, "", ""},
		{"a bad status is quoted with its body on one line", healthy, runner.Check{Path: "/bad"}, runner.BadStatus, "GET /bad answered 500: no[31m database herexxx"},
		{"a bad status without a body stands alone", healthy, runner.Check{Path: "/empty"}, runner.BadStatus, "GET /empty answered 503"},
		{"a listed status is healthy", healthy, runner.Check{Path: "/empty", Statuses: runner.Statuses{{503, 503}}}, "", ""},
		{"a connection satisfies a check without a path", mute, runner.Check{}, "", ""},
		{"a refused connection says so for HTTP", nothing, runner.Check{Path: "/"}, runner.Refused, "nothing listens on port"},
		{"a refused connection says so for TCP", nothing, runner.Check{}, runner.Refused, "nothing listens on port"},
		{"silence times out", mute, runner.Check{Path: "/", Timeout: 20 * time.Millisecond}, runner.TimedOut, "no answer within 20ms"},
		{"a closed connection is no answer", closing, runner.Check{Path: "/"}, runner.Broken, "closed"},
		{"what is not HTTP is no answer", garbage, runner.Check{Path: "/"}, runner.Broken, "malformed HTTP"},
		{"a path that is none is told", healthy, runner.Check{Path: "http://elsewhere/"}, runner.Broken, "is not a path"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := runner.Probe(t.Context(), tt.check, tt.addr)
			if tt.reason == "" {
				if err != nil {
					t.Fatalf("Probe: %v", err)
				}
				return
			}
			failed, ok := errors.AsType[*runner.ProbeError](err)
			if !ok || failed.Reason != tt.reason {
				t.Fatalf("Probe: %v, want a ProbeError for %s", err, tt.reason)
			}
			if !strings.Contains(err.Error(), tt.says) || len(err.Error()) > 400 {
				t.Errorf("it says %q, want %q in it", err, tt.says)
			}
		})
	}
}

func TestProbeEndsWithItsContext(t *testing.T) {
	t.Parallel()

	mute := silent(t, func(c net.Conn) { t.Cleanup(func() { c.Close() }) })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := runner.Probe(ctx, runner.Check{Path: "/"}, mute); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Probe: %v, want the context's error", err)
	}
}
