package proxy_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/davitdev/davit/internal/proxy"
)

// TestMain runs a proxy instead of the tests if it is started as one, and
// looks for goroutines that outlived the tests.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "proxy":
			os.Exit(child(os.Args[2:]))
		case "supervise":
			os.Exit(supervise(os.Args[2]))
		}
	}
	goleak.VerifyTestMain(m)
}

// child is `davit proxy` in small.
func child(args []string) int {
	flags := flag.NewFlagSet("proxy", flag.ExitOnError)
	o := proxy.Options{Log: slog.New(slog.NewTextHandler(os.Stderr, nil))}
	flags.StringVar(&o.Data, "data", "", "")
	flags.StringVar(&o.Listen, "listen", "", "")
	flags.StringVar(&o.Version, "version", "", "")
	flags.DurationVar(&o.Grace, "grace", 0, "")
	flags.Func("trusted", "", func(text string) error {
		p, err := netip.ParsePrefix(text)
		o.Trusted = append(o.Trusted, p)
		return err
	})
	report := flags.Int("report-fd", 0, "")
	_ = flags.Parse(args) // exits
	if *report > 0 {
		o.Report = os.NewFile(uintptr(*report), "report")
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := proxy.Run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "proxy:", err)
		return 1
	}
	return 0
}

// supervise starts a proxy and waits to be killed.
func supervise(spec string) int {
	var o proxy.Spawn
	if err := json.Unmarshal([]byte(spec), &o); err != nil {
		panic(err)
	}
	if _, _, err := proxy.EnsureRunning(context.Background(), o); err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("started")
	select {}
}

// dataDir returns a directory whose path is short enough for a socket.
func dataDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "px") //nolint:usetesting // TempDir has the test's name in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// running is a proxy in this process.
type running struct {
	*proxy.Client
	addr string // of its listener
	data string
	stop func() // ends it and waits
	push func(routes ...proxy.Route)
}

// start runs a proxy until the test ends. change may be nil.
func start(t *testing.T, change func(*proxy.Options)) *running {
	t.Helper()
	report, w := io.Pipe()
	o := proxy.Options{
		Data: dataDir(t), Listen: "127.0.0.1:0", Version: "test", Grace: 5 * time.Second,
		Report: w, Log: discard,
	}
	if change != nil {
		change(&o)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- proxy.Run(ctx, o) }()
	if line, err := io.ReadAll(report); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	r := &running{Client: proxy.NewClient(o.Data), data: o.Data}
	stopped := false
	r.stop = func() {
		cancel()
		if stopped {
			return
		}
		stopped = true
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Error("Run does not return")
		}
	}
	t.Cleanup(r.stop)
	hello, err := r.Hello(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.addr = hello.Addrs[0]
	version := hello.Table
	r.push = func(routes ...proxy.Route) {
		t.Helper()
		version++
		if _, err := r.Push(t.Context(), proxy.Table{Installation: "inst", Version: version, Routes: routes}); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

var replicas atomic.Int64

// serve starts a real backend and returns it as a target.
func serve(t *testing.T, h http.Handler) (proxy.Target, *httptest.Server) {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return targetAt(srv.Listener.Addr()), srv
}

func targetAt(a net.Addr) proxy.Target {
	return proxy.Target{Addr: netip.MustParseAddrPort(a.String()), ReplicaID: fmt.Sprintf("rep_%d", replicas.Add(1))}
}

func routeTo(targets ...proxy.Target) proxy.Route {
	return proxy.Route{Host: "shop.localhost", Instance: "ins_1", Deployment: "dep_1", Targets: targets}
}

// client returns a client that sends requests for any host to addr.
func client(t *testing.T, addr string) *http.Client {
	t.Helper()
	tr := &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, addr)
		},
		DisableCompression: true, MaxIdleConnsPerHost: 64,
	}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

type reply struct {
	status          int
	header, trailer http.Header
	body            string
}

// get makes one request and reads the whole answer.
func get(t *testing.T, c *http.Client, url string) reply {
	t.Helper()
	res, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{res.StatusCode, res.Header, res.Trailer, string(b)}
}

// raw sends request bytes as they are and returns all that comes back.
func raw(t *testing.T, addr, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(conn)
	if err != nil {
		t.Fatalf("after %q: %v", b, err)
	}
	return string(b)
}

// waitFor waits until what happens in another process has happened.
func waitFor(t *testing.T, what string, happened func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); !happened(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
