package proxy_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/proxy"
)

func TestPushKeepsTheNewestTable(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	table := func(installation string, version int64, host string) proxy.Table {
		return proxy.Table{Installation: installation, Version: version, Routes: []proxy.Route{{Host: host}}}
	}
	steps := []struct {
		name  string
		table proxy.Table
		code  fault.Code
		want  int64
	}{
		{"the first", table("a", 5, "x.localhost"), "", 5},
		{"an older one", table("a", 4, "y.localhost"), fault.VersionConflict, 5},
		{"the same again", table("a", 5, "x.localhost"), "", 5},
		{"another one of the same version", table("a", 5, "y.localhost"), fault.VersionConflict, 5},
		{"a newer one", table("a", 9, "y.localhost"), "", 9},
		{"one of data set up anew", table("b", 1, "z.localhost"), "", 1},
		{"a broken one", proxy.Table{Installation: "b", Version: 2, Routes: []proxy.Route{{Host: "a b"}}}, fault.Invalid, 0},
		{"one without a version", proxy.Table{Installation: "b"}, fault.Invalid, 0},
	}
	for _, s := range steps {
		ack, err := p.Push(t.Context(), s.table)
		if fault.CodeOf(err) != s.code || ack.Version != s.want {
			t.Errorf("%s: %+v, %v; want version %d, %q", s.name, ack, err, s.want, s.code)
		}
	}
	if h, err := p.Hello(t.Context()); err != nil || h.Table != 1 || h.Installation != "b" || h.PID != os.Getpid() || h.Protocol != proxy.Protocol {
		t.Errorf("hello %+v, %v", h, err)
	}
}

func TestConcurrentPushesEndWithTheHighestVersion(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	var wg sync.WaitGroup
	for v := int64(1); v <= 40; v++ {
		wg.Go(func() {
			_, err := p.Push(t.Context(), proxy.Table{Installation: "a", Version: v, Routes: []proxy.Route{{Host: fmt.Sprint(v)}}})
			if err != nil && !fault.Is(err, fault.VersionConflict) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	p.stop()
	p = start(t, func(o *proxy.Options) { o.Data = p.data })
	if h, err := p.Hello(t.Context()); err != nil || h.Table != 40 {
		t.Errorf("after a restart: %+v, %v", h, err)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	ok := proxy.Target{Addr: netip.MustParseAddrPort("127.0.0.1:1")}
	zone := proxy.Zone{Listen: netip.MustParseAddrPort("127.0.0.1:53")}
	tests := []struct {
		name  string
		table proxy.Table
		field string
	}{
		{"all is well", proxy.Table{Routes: []proxy.Route{{Host: "a", Targets: []proxy.Target{ok}}, {Host: "a", Path: "/x"}}, Zones: []proxy.Zone{zone}}, ""},
		{"no host", proxy.Table{Routes: []proxy.Route{{}}}, "routes.host"},
		{"a long host", proxy.Table{Routes: []proxy.Route{{Host: strings.Repeat("a", 254)}}}, "routes.host"},
		{"a host with a path", proxy.Table{Routes: []proxy.Route{{Host: "a/b"}}}, "routes.host"},
		{"the same host in other letters", proxy.Table{Routes: []proxy.Route{{Host: "a"}, {Host: "A.", Path: "/"}}}, "routes"},
		{"the same path with a slash", proxy.Table{Routes: []proxy.Route{{Host: "a", Path: "/x"}, {Host: "a", Path: "/x/"}}}, "routes"},
		{"a path without a slash", proxy.Table{Routes: []proxy.Route{{Host: "a", Path: "x"}}}, "routes.path"},
		{"a header in the id", proxy.Table{Routes: []proxy.Route{{Host: "a", Deployment: "d\r\nSet-Cookie: x"}}}, "routes.deployment"},
		{"a target without an address", proxy.Table{Routes: []proxy.Route{{Host: "a", Targets: []proxy.Target{{}}}}}, "routes.targets"},
		{"two zones at one address", proxy.Table{Zones: []proxy.Zone{zone, zone}}, "zones.listen"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.table.Version = 1
			err := tt.table.Validate()
			field := ""
			if e, ok := errors.AsType[*fault.Error](err); ok {
				field = e.Field
			}
			if field != tt.field || (err == nil) != (tt.field == "") {
				t.Errorf("got %v, want a fault at %q", err, tt.field)
			}
		})
	}
}

func TestARestartedProxyServesItsLastTable(t *testing.T) {
	t.Parallel()
	target, _ := serve(t, echoAfter("app", 0))
	p := start(t, nil)
	p.push(routeTo(target))
	p.stop()
	if _, err := p.Hello(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a proxy that ended: %v", err)
	}
	again := start(t, func(o *proxy.Options) { o.Data = p.data })
	if body := get(t, client(t, again.addr), "http://shop.localhost/").body; body != "app:" {
		t.Errorf("got %q", body)
	}
}

func TestABrokenSnapshotDoesNotKeepTheProxyDown(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"cut off": `{"version":3,"routes":[{"ho`,
		"invalid": `{"version":3,"routes":[{"host":"a b"}]}`,
		"empty":   ``,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := dataDir(t)
			if err := os.WriteFile(filepath.Join(data, "proxy-table.json"), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			p := start(t, func(o *proxy.Options) { o.Data = data })
			if h, err := p.Hello(t.Context()); err != nil || h.Table != 0 {
				t.Errorf("%+v, %v", h, err)
			}
			p.push()
		})
	}
}

func TestFilesAreOurs(t *testing.T) {
	t.Parallel()
	p := start(t, func(o *proxy.Options) { o.Data = filepath.Join(o.Data, "new", "deep") })
	p.push()
	p.stop() // the snapshot is written by then
	p = start(t, func(o *proxy.Options) { o.Data = p.data })
	for name, want := range map[string]fs.FileMode{
		".": fs.ModeDir | 0o700, "proxy.sock": fs.ModeSocket | 0o600, "proxy-table.json": 0o600,
	} {
		if st, err := os.Stat(filepath.Join(p.data, name)); err != nil || st.Mode() != want {
			t.Errorf("%s: %v, want %s, %v", name, st, want, err)
		}
	}
	p.stop()
	left, err := os.ReadDir(p.data)
	if err != nil || len(left) != 1 || left[0].Name() != "proxy-table.json" {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestADeadProxysSocketIsReplaced(t *testing.T) {
	t.Parallel()
	data := dataDir(t)
	ln, err := net.Listen("unix", filepath.Join(data, "proxy.sock"))
	if err != nil {
		t.Fatal(err)
	}
	ln.(*net.UnixListener).SetUnlinkOnClose(false)
	ln.Close() // what a killed process leaves
	p := start(t, func(o *proxy.Options) { o.Data = data })
	if _, err := p.Hello(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestATakenAddressIsNamed(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	for addr, code := range map[string]fault.Code{
		ln.Addr().String(): fault.PortInUse,
		"192.0.2.1:80":     fault.Invalid, // of no machine
		"nonsense":         fault.Invalid,
	} {
		err := proxy.Run(t.Context(), proxy.Options{Data: dataDir(t), Listen: addr, Log: discard})
		e, ok := errors.AsType[*fault.Error](err)
		if !ok || e.Code != code || !strings.Contains(e.Message, addr) || !strings.Contains(e.Hint, "--proxy-listen") {
			t.Errorf("%s: %#v", addr, err)
		}
	}
}

func TestQuitLetsRequestsFinish(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}), make(chan struct{})
	target, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-release
		fmt.Fprint(w, "finished")
	}))
	p := start(t, nil)
	p.push(routeTo(target))
	answer := make(chan string, 1)
	go func() {
		answer <- get(t, client(t, p.addr), "http://shop.localhost/").body
	}()
	<-entered
	quit := make(chan error, 1)
	go func() { quit <- p.Quit(t.Context()) }()
	refused := func() bool {
		conn, err := net.Dial("tcp", p.addr)
		if err == nil {
			conn.Close()
		}
		return err != nil
	}
	for deadline := time.Now().Add(10 * time.Second); !refused(); {
		if time.Now().After(deadline) {
			t.Fatal("still accepting")
		}
	}
	select {
	case err := <-quit:
		t.Fatalf("quit before the last answer: %v", err)
	default:
	}
	close(release)
	if got := <-answer; got != "finished" {
		t.Errorf("got %q", got)
	}
	if err := <-quit; err != nil {
		t.Error(err)
	}
	if err := p.Quit(t.Context()); err != nil {
		t.Errorf("quitting twice: %v", err)
	}
}

func TestPushesUnderLoad(t *testing.T) {
	t.Parallel()
	a, _ := serve(t, echoAfter("a", 0))
	b, _ := serve(t, echoAfter("b", 0))
	p := start(t, nil)
	p.push(routeTo(a))
	stop := hammer(t, p.addr, 8)
	for i := range 200 {
		p.push(routeTo([]proxy.Target{a, b}[i%2 : i%2+1]...))
	}
	if stop() == 0 {
		t.Error("nothing was answered meanwhile")
	}
}

func TestAHandoverLosesNoAcknowledgedTable(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	c := proxy.NewClient(p.data)
	var version, acked atomic.Int64
	end := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-end:
					return
				default:
				}
				v := version.Add(1)
				_, err := c.Push(t.Context(), proxy.Table{Installation: "inst", Version: v, Routes: []proxy.Route{{Host: fmt.Sprint(v)}}})
				switch {
				case err == nil:
					for now := acked.Load(); now < v && !acked.CompareAndSwap(now, v); now = acked.Load() {
					}
				case !fault.Is(err, fault.VersionConflict) && !fault.Is(err, fault.Unavailable):
					t.Error(err)
					return
				}
			}
		})
	}
	for range 10 {
		before := acked.Load()
		waitFor(t, "pushes", func() bool { return acked.Load() > before })
		p = start(t, func(o *proxy.Options) { o.Data = p.data })
		known := acked.Load() // by the old one or the new one
		if h, err := p.Hello(t.Context()); err != nil || h.Table < known {
			t.Fatalf("version %d was acknowledged, %d is in force, %v", known, h.Table, err)
		}
	}
	close(end)
	wg.Wait()
}
