package docker_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/davitdev/davit/runner"
	"github.com/davitdev/davit/runner/docker"
)

// gate is a socket in front of the engine's, which can be shut.
type gate struct {
	t     *testing.T
	path  string
	to    string
	mu    sync.Mutex
	ln    net.Listener
	conns []net.Conn
	hangs bool
	wg    sync.WaitGroup
}

func newGate(t *testing.T) *gate {
	t.Helper()
	to, ok := strings.CutPrefix(engine(t).DaemonHost(), "unix://")
	if !ok {
		t.Skip("the engine is not behind a socket of this machine; the other tests cover it")
	}
	g := &gate{t: t, path: filepath.Join(t.TempDir(), "s"), to: to}
	g.open()
	t.Cleanup(g.shut)
	return g
}

func (g *gate) open() {
	g.t.Helper()
	ln, err := net.Listen("unix", g.path)
	if err != nil {
		g.t.Fatal(err)
	}
	g.mu.Lock()
	g.ln = ln
	g.mu.Unlock()
	g.wg.Go(func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			g.mu.Lock()
			hangs := g.hangs
			if hangs {
				g.conns = append(g.conns, in)
			}
			g.mu.Unlock()
			if hangs {
				continue
			}
			out, err := net.Dial("unix", g.to)
			if err != nil {
				in.Close()
				continue
			}
			g.mu.Lock()
			g.conns = append(g.conns, in, out)
			g.mu.Unlock()
			g.wg.Go(func() { io.Copy(in, out); in.Close() })
			g.wg.Go(func() { io.Copy(out, in); out.Close() })
		}
	})
}

// shut ends every connection, as an engine does that is killed.
func (g *gate) shut() {
	g.mu.Lock()
	g.ln.Close()
	for _, c := range g.conns {
		c.Close()
	}
	g.conns = nil
	g.mu.Unlock()
	g.wg.Wait()
}

// calls are all of an engine, about a network and a container of it.
func calls(ctx context.Context, e *docker.Engine, network, name string) map[string]func() error {
	spec := runner.Spec{Name: name + "-2", Network: network, Image: "sha256:" + strings.Repeat("0", 64)}
	return map[string]func() error{
		"Info":          func() error { _, err := e.Info(ctx); return err },
		"Pull":          func() error { _, err := e.Pull(ctx, "any", nil, nil); return err },
		"Image":         func() error { _, err := e.Image(ctx, "any"); return err },
		"Images":        func() error { _, err := e.Images(ctx); return err },
		"RemoveImage":   func() error { return e.RemoveImage(ctx, spec.Image) },
		"EnsureNetwork": func() error { _, err := e.EnsureNetwork(ctx, network); return err },
		"Networks":      func() error { _, err := e.Networks(ctx); return err },
		"RemoveNetwork": func() error { return e.RemoveNetwork(ctx, network) },
		"Create":        func() error { _, err := e.Create(ctx, spec); return err },
		"Start":         func() error { return e.Start(ctx, name) },
		"Attach":        func() error { _, err := e.Attach(ctx, name); return err },
		"Logs":          func() error { _, err := e.Logs(ctx, name, runner.Position{}, false); return err },
		"Exec":          func() error { _, err := e.Exec(ctx, name, []string{"x"}); return err },
		"Inspect":       func() error { _, err := e.Inspect(ctx, name); return err },
		"List":          func() error { _, err := e.List(ctx); return err },
		"Stop":          func() error { return e.Stop(ctx, name, 0) },
		"Remove":        func() error { return e.Remove(ctx, name) },
		"Events":        func() error { _, err := e.Events(ctx); return err },
		"DialBuild":     func() error { _, err := e.DialBuild(ctx); return err },
		"Listening":     func() error { _, err := e.Listening(ctx, name); return err },
	}
}

// hang lets every connection stand still from now on, as an engine does that
// is stopped. Those that are there are begun anew.
func (g *gate) hang() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hangs = true
	for _, c := range g.conns {
		c.Close()
	}
	g.conns = nil
}

func TestALostEngineIsToldAndFoundAgain(t *testing.T) {
	g := newGate(t)
	p := newPlace(t)
	e := newEngine(t, p.network, func(o *docker.Options) { o.Host = "unix://" + g.path })
	ctx := t.Context()
	name := p.run(runner.Spec{Image: p.toolImage()})
	if c, err := e.Inspect(ctx, name); err != nil || c.State != runner.Running {
		t.Fatalf("%+v, %v", c, err)
	}
	events, err := e.Events(ctx)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := e.Attach(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()

	g.shut()
	for range events { // closed, or the test never ends
	}
	if _, err := stream.Next(); err == nil {
		t.Error("the attachment goes on")
	}
	for doing, call := range calls(ctx, e, p.network, name) {
		if err := call(); !errors.Is(err, runner.ErrUnavailable) {
			t.Errorf("%s: %v, want ErrUnavailable", doing, err)
		}
	}
	g.open()
	if c, err := e.Inspect(ctx, name); err != nil || c.State != runner.Running {
		t.Errorf("back again: %+v, %v", c, err)
	}
}

// Every method says that the engine is away also when the connection breaks
// in the middle of a call, or the engine never was there.
func TestAnEngineThatIsNotThere(t *testing.T) {
	t.Parallel()

	silent := filepath.Join(t.TempDir(), "s")
	ln, err := net.Listen("unix", silent)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	for _, host := range []string{"unix:///no/such/socket", "tcp://127.0.0.1:1", "unix://" + silent} {
		e := newEngine(t, "docker-away", func(o *docker.Options) { o.Host = host })
		if _, err := e.Info(t.Context()); !errors.Is(err, runner.ErrUnavailable) {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestAnEngineThatHangsHoldsNobodyLonger(t *testing.T) {
	t.Parallel()

	ln, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	e := newEngine(t, "docker-away", func(o *docker.Options) { o.Host = "tcp://" + ln.Addr().String() })
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if _, err := e.List(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("List: %v", err)
			}
		})
	}
	wg.Wait()
}

// Who waits without a deadline of its own learns as well that an engine does
// not answer, whatever it was asked, and whether it ever answered before.
func TestAnEngineThatHangsCountsAsAway(t *testing.T) {
	p := newPlace(t)
	name := p.run(runner.Spec{Image: p.toolImage()})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, known := range []bool{true, false} {
		for doing := range calls(ctx, nil, p.network, name) {
			if known && doing == "Pull" {
				continue // takes as long as its caller lets it
			}
			g := newGate(t)
			e := newEngine(t, p.network, func(o *docker.Options) { o.Host, o.Answer = "unix://"+g.path, 2*time.Second })
			if known {
				if _, err := e.Info(ctx); err != nil {
					t.Fatal(err)
				}
			}
			g.hang()
			wg.Go(func() {
				if err := calls(ctx, e, p.network, name)[doing](); !errors.Is(err, runner.ErrUnavailable) {
					t.Errorf("%s, known before %t: %v, want ErrUnavailable", doing, known, err)
				}
			})
		}
	}
}

// A container that prints nothing is no engine that hangs.
func TestWhoFollowsASilentContainerWaits(t *testing.T) {
	t.Parallel()

	p := newPlace(t)
	e := newEngine(t, p.network, func(o *docker.Options) { o.Answer = time.Second })
	name := p.run(runner.Spec{Image: p.toolImage()})
	for kind, follow := range map[string]func() (runner.Stream, error){
		"Attach": func() (runner.Stream, error) { return e.Attach(t.Context(), name) },
		"Logs":   func() (runner.Stream, error) { return e.Logs(t.Context(), name, runner.Position{}, true) },
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			stream, err := follow()
			if err != nil {
				t.Fatal(err)
			}
			defer time.AfterFunc(2*time.Second, func() { stream.Close() }).Stop()
			if f, err := stream.Next(); !errors.Is(err, io.EOF) {
				t.Errorf("%+v, %v; want to wait until it is closed", f, err)
			}
		})
	}
}

func TestDialBuildSpeaksHTTP2(t *testing.T) {
	engine(t)
	e := newEngine(t, "docker-dial")
	conn, err := e.DialBuild(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	settings := []byte{0, 0, 0, 4, 0, 0, 0, 0, 0} // an empty SETTINGS frame, RFC 9113 section 6.5
	if _, err := conn.Write(append([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), settings...)); err != nil {
		t.Fatal(err)
	}
	var header [9]byte
	if _, err := io.ReadFull(conn, header[:]); err != nil || !bytes.Equal(header[3:4], settings[3:4]) {
		t.Errorf("the engine answered % x, %v; want a SETTINGS frame", header, err)
	}
}
