package proxy_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/proxy"
)

var discard = slog.New(slog.DiscardHandler)

// freeAddr returns an address that nobody listens on.
func freeAddr(t *testing.T) string {
	t.Helper()
	return refusing(t).Addr.String()
}

func spawn(t *testing.T, data, listen, version string) proxy.Spawn {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return proxy.Spawn{
		Data: data, Listen: listen, Version: version,
		Command: []string{binary, "proxy", "--data", data, "--listen", listen, "--version", version, "--grace", "10s"},
		Env:     []string{"GORACE=atexit_sleep_ms=0"}, // with -race a process ends a second late
		LogFile: filepath.Join(data, "proxy.log"),
	}
}

// ensure returns a running process, which ends with the test.
func ensure(t *testing.T, o proxy.Spawn) (*proxy.Client, proxy.Hello, bool) {
	t.Helper()
	c, adopted, err := proxy.EnsureRunning(t.Context(), o)
	if err != nil {
		b, _ := os.ReadFile(o.LogFile)
		t.Fatalf("%v\n%s", err, b)
	}
	h, err := c.Hello(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 20*time.Second)
		defer cancel()
		if err := c.Quit(ctx); err != nil {
			t.Error(err)
		}
		waitFor(t, "the process to end", func() bool { return dead(h.PID) })
	})
	return c, h, adopted
}

func dead(pid int) bool { return syscall.Kill(pid, 0) != nil }

func pushTo(t *testing.T, c *proxy.Client, version int64, routes ...proxy.Route) {
	t.Helper()
	if _, err := c.Push(t.Context(), proxy.Table{Installation: "inst", Version: version, Routes: routes}); err != nil {
		t.Fatal(err)
	}
}

func TestALiveProxyIsAdopted(t *testing.T) {
	t.Parallel()
	o := spawn(t, dataDir(t), freeAddr(t), "1")
	_, first, adopted := ensure(t, o)
	if adopted || first.PID == os.Getpid() {
		t.Errorf("the first: %+v, adopted %v", first, adopted)
	}
	if sid, err := unix.Getsid(first.PID); err != nil || sid != first.PID {
		t.Errorf("process %d is in session %d, %v", first.PID, sid, err)
	}
	env, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(first.PID), "environ"))
	if err != nil || string(env) != o.Env[0]+"\x00" {
		t.Errorf("its environment is %q, %v", env, err)
	}
	_, second, adopted := ensure(t, o)
	if !adopted || second.PID != first.PID {
		t.Errorf("the second: %+v, adopted %v", second, adopted)
	}
}

// Whom it trusts is told when it starts, so one that trusts others is replaced.
func TestAProxyThatTrustsOthersHandsOver(t *testing.T) {
	t.Parallel()
	target, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Header.Get("X-Forwarded-Proto"))
	}))
	o := spawn(t, dataDir(t), freeAddr(t), "1")
	c, first, _ := ensure(t, o)
	pushTo(t, c, 1, routeTo(target))
	asked := func(want string) {
		t.Helper()
		_, body, _ := strings.Cut(raw(t, o.Listen, "GET / HTTP/1.1\r\nHost: shop.localhost\r\nConnection: close\r\nX-Forwarded-Proto: https\r\n\r\n"), "\r\n\r\n")
		if body != want {
			t.Errorf("the application hears %q, want %q", body, want)
		}
	}
	asked("http")
	o.Trusted = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("fd00::/8")}
	_, second, adopted := ensure(t, o)
	if adopted || second.PID == first.PID {
		t.Errorf("it was kept: %+v", second)
	}
	asked("https")
	if _, third, adopted := ensure(t, o); !adopted || third.PID != second.PID {
		t.Errorf("it was replaced by %+v", third)
	}
}

// The supervisor is killed with everything in its process group, as a terminal
// or a service manager does it.
func TestAProxyOutlivesWhoStartedIt(t *testing.T) {
	t.Parallel()
	target, _ := serve(t, echoAfter("app", 0))
	o := spawn(t, dataDir(t), freeAddr(t), "1")
	spec, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	supervisor := exec.Command(o.Command[0], "supervise", string(spec))
	supervisor.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := supervisor.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := supervisor.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "started\n" {
		t.Fatalf("%q, %v", line, err)
	}
	pushTo(t, proxy.NewClient(o.Data), 1, routeTo(target))
	if err := syscall.Kill(-supervisor.Process.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = supervisor.Wait()
	if body := get(t, client(t, o.Listen), "http://shop.localhost/").body; body != "app:" {
		t.Errorf("got %q", body)
	}
	if _, h, adopted := ensure(t, o); !adopted || h.Table != 1 {
		t.Errorf("%+v, adopted %v", h, adopted)
	}
}

func TestAKilledProxyIsStartedAgainAndServes(t *testing.T) {
	t.Parallel()
	target, _ := serve(t, echoAfter("app", 0))
	o := spawn(t, dataDir(t), freeAddr(t), "1")
	c, h, _ := ensure(t, o)
	pushTo(t, c, 3, routeTo(target))
	waitFor(t, "the snapshot", func() bool {
		b, _ := os.ReadFile(filepath.Join(o.Data, "proxy-table.json"))
		return strings.Contains(string(b), "shop.localhost")
	})
	if err := syscall.Kill(h.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the death of the process", func() bool { return dead(h.PID) })
	if _, err := c.Hello(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("asking a dead proxy: %v", err)
	}
	c, again, adopted := ensure(t, o)
	if adopted || again.PID == h.PID || again.Table != 3 {
		t.Errorf("%+v, adopted %v", again, adopted)
	}
	if body := get(t, client(t, o.Listen), "http://shop.localhost/").body; body != "app:" {
		t.Errorf("got %q", body)
	}
	pushTo(t, c, 4)
}

func TestAnotherVersionTakesOverWithoutARefusedConnection(t *testing.T) {
	t.Parallel()
	target, _ := serve(t, echoAfter("app", 0))
	o := spawn(t, dataDir(t), freeAddr(t), "1")
	c, first, _ := ensure(t, o)
	pushTo(t, c, 1, routeTo(target))
	stop := hammer(t, o.Listen, 16)
	fresh := dialInALoop(t, o.Listen)
	pids := map[int]bool{first.PID: true}
	for _, version := range []string{"2", "3", "4"} {
		o = spawn(t, o.Data, o.Listen, version)
		_, h, adopted := ensure(t, o)
		if adopted || pids[h.PID] || h.Version != version || h.Table != 1 {
			t.Errorf("%+v, adopted %v", h, adopted)
		}
		pids[h.PID] = true
		// The new one knows when the requests of the old one are done.
		left, err := c.Drain(t.Context(), []proxy.Target{{ReplicaID: "none"}}, 20*time.Second)
		if err != nil || left != 0 {
			t.Errorf("%d left, %v", left, err)
		}
		for pid := range pids {
			if pid != h.PID {
				waitFor(t, "the old process to go", func() bool { return dead(pid) })
			}
		}
	}
	fresh()
	if n := stop(); n < 100 {
		t.Errorf("only %d answers", n)
	}
}

// dialInALoop opens connection after connection until it is stopped.
func dialInALoop(t *testing.T, addr string) (stop func()) {
	end, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-end:
				return
			default:
			}
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Errorf("refused: %v", err)
				return
			}
			_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
			_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: shop.localhost\r\nConnection: close\r\n\r\n")
			if b, err := io.ReadAll(conn); err != nil || !strings.HasSuffix(string(b), "app:") {
				t.Errorf("answered %q, %v", b, err)
			}
			conn.Close()
		}
	}()
	return func() { close(end); <-done }
}

func TestAnotherAddressIsServedByAnotherProcess(t *testing.T) {
	t.Parallel()
	target, _ := serve(t, echoAfter("app", 0))
	o := spawn(t, dataDir(t), freeAddr(t), "1")
	c, _, _ := ensure(t, o)
	pushTo(t, c, 1, routeTo(target))
	moved := spawn(t, o.Data, freeAddr(t), "1")
	if _, h, adopted := ensure(t, moved); adopted || h.Listen != moved.Listen {
		t.Errorf("%+v, adopted %v", h, adopted)
	}
	if body := get(t, client(t, moved.Listen), "http://shop.localhost/").body; body != "app:" {
		t.Errorf("got %q", body)
	}
	waitFor(t, "the old address to close", func() bool {
		conn, err := net.Dial("tcp", o.Listen)
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
}

func TestAProxyThatCannotStartSaysWhy(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	o := spawn(t, dataDir(t), ln.Addr().String(), "1")
	if _, _, err := proxy.EnsureRunning(t.Context(), o); !fault.Is(err, fault.PortInUse) || !strings.Contains(err.Error(), o.Listen) {
		t.Errorf("a taken address: %v", err)
	}
	o.Command = []string{"/bin/false"}
	if _, _, err := proxy.EnsureRunning(t.Context(), o); !fault.Is(err, fault.Internal) || !strings.Contains(err.Error(), o.LogFile) {
		t.Errorf("a program that just ends: %v", err)
	}
	o.Command = []string{"/does/not/exist"}
	if _, _, err := proxy.EnsureRunning(t.Context(), o); err == nil {
		t.Error("a program that is not there was started")
	}
	o.Command = []string{"/bin/sh", "-c", "exec sleep 60"}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, _, err := proxy.EnsureRunning(ctx, o); err == nil {
		t.Error("a program that never reports counts as started")
	}
}

func TestAFailedTakeoverLeavesTheOldOneServing(t *testing.T) {
	t.Parallel()
	target, _ := serve(t, echoAfter("app", 0))
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	o := spawn(t, dataDir(t), freeAddr(t), "1")
	c, first, _ := ensure(t, o)
	pushTo(t, c, 1, routeTo(target))
	if _, _, err := proxy.EnsureRunning(t.Context(), spawn(t, o.Data, taken.Addr().String(), "1")); !fault.Is(err, fault.PortInUse) {
		t.Errorf("got %v", err)
	}
	if h, err := c.Hello(t.Context()); err != nil || h.PID != first.PID {
		t.Errorf("%+v, %v", h, err)
	}
	pushTo(t, c, 2, routeTo(target))
	if body := get(t, client(t, o.Listen), "http://shop.localhost/").body; body != "app:" {
		t.Errorf("got %q", body)
	}
}

func TestTheEndOfAProxyIsNoticedAtOnce(t *testing.T) {
	t.Parallel()
	o := spawn(t, dataDir(t), freeAddr(t), "1")
	c, h, _ := ensure(t, o)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	gone, err := c.Gone(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ended, err := c.Gone(ctx)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	await(t, "the end of the context", ended)
	select {
	case <-gone:
		t.Error("it is said to have ended")
	default:
	}
	if err := syscall.Kill(h.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	await(t, "the end of the proxy", gone)
	// A connection ends before the socket it came through.
	waitFor(t, "the process to end", func() bool { return dead(h.PID) })
	if _, err := c.Gone(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("without a proxy: %v", err)
	}
}

func await(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(10 * time.Second):
		t.Fatalf("%s is not noticed", what)
	}
}
