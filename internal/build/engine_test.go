package build_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/davitdev/davit/internal/build"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/outbound"
	"github.com/davitdev/davit/internal/source"
)

// engine is the Docker engine of DOCKER_HOST. Where tests have to run, a
// missing one is a failure.
func engine(t *testing.T) *client.Client {
	t.Helper()
	api, err := client.New(client.FromEnv)
	if err == nil {
		_, err = api.Ping(t.Context(), client.PingOptions{NegotiateAPIVersion: true})
	}
	switch {
	case err == nil:
		t.Cleanup(func() { api.Close() })
		return api
	case os.Getenv("CI") != "" || os.Getenv("DOCKER_HOST") != "":
		t.Fatalf("no Docker engine: %v", err)
	}
	t.Skipf("no Docker engine: %v", err)
	return nil
}

// buildKit builds on api.
func buildKit(api *client.Client) *build.BuildKit {
	return &build.BuildKit{
		Dial: func(ctx context.Context) (net.Conn, error) { return api.DialHijack(ctx, "/grpc", "h2c", nil) },
		DialSession: func(ctx context.Context, proto string, meta map[string][]string) (net.Conn, error) {
			return api.DialHijack(ctx, "/session", proto, meta)
		},
		AllowHost: outbound.Policy{}.Allow, Client: outbound.Policy{}.Client(), Installation: "inst-test",
		Digest: func(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte("key"+text))) },
	}
}

// request is a build of the files of tree, named after nothing else.
func request(t *testing.T, tree map[string]string, o build.Options) build.Request {
	t.Helper()
	dir := t.TempDir()
	for name, text := range tree {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, time.Time{}, time.Unix(1e9, 0)); err != nil { // times tell nothing
			t.Fatal(err)
		}
	}
	return requestDir(t, dir, o)
}

func requestDir(t *testing.T, dir string, o build.Options) build.Request {
	t.Helper()
	src, err := source.OpenTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { src.Close() })
	plan, err := build.Detect(src.FS(), o)
	if err != nil {
		t.Fatalf("Detect: %v", err)
	}
	return build.Request{Tree: src, Plan: plan, Instance: "ins_" + strings.ToLower(rand.Text()), Deployment: "dep_1", Args: o.Args, Timeout: patience}
}

// patience is for what takes seconds, minutes on a busy machine, and hangs if it
// takes longer.
const patience = 5 * time.Minute

// cleaningUp is for what is to be done when a test ends, however it does.
func cleaningUp(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(context.WithoutCancel(t.Context()), patience)
}

// heard is a Sink that remembers.
type heard struct {
	mu     sync.Mutex
	steps  map[string]build.Step
	order  []string
	lines  []build.Line
	onLine func(build.Line)
	inside bool
	broken string // a promise of Sink that was broken
}

func (h *heard) enter() func() {
	h.mu.Lock()
	if h.inside {
		h.broken = "two calls at a time"
	}
	h.inside = true
	h.mu.Unlock()
	return func() { h.mu.Lock(); h.inside = false; h.mu.Unlock() }
}

func (h *heard) Step(s build.Step) {
	defer h.enter()()
	if h.steps == nil {
		h.steps = map[string]build.Step{}
	}
	if _, ok := h.steps[s.ID]; !ok {
		h.order = append(h.order, s.ID)
	}
	h.steps[s.ID] = s
}

func (h *heard) Log(lines []build.Line) {
	defer h.enter()()
	h.lines = append(h.lines, lines...)
	if h.onLine != nil {
		for _, l := range lines {
			h.onLine(l)
		}
	}
}

// step finds a step by a part of its name.
func (h *heard) step(t *testing.T, name string) build.Step {
	t.Helper()
	for _, id := range h.order {
		if strings.Contains(h.steps[id].Name, name) {
			return h.steps[id]
		}
	}
	t.Fatalf("no step has %q in its name: %v", name, h.steps)
	return build.Step{}
}

// said is all that was logged on a stream.
func (h *heard) said(stream build.Stream) string {
	var b strings.Builder
	for _, l := range h.lines {
		if l.Stream == stream {
			b.WriteString(l.Text + "\n")
		}
	}
	return b.String()
}

// failed is the steps that failed or were interrupted, a line each.
func (h *heard) failed() string {
	var b strings.Builder
	for _, id := range h.order {
		if s := h.steps[id]; s.Error != "" {
			b.WriteString(s.Name + ": " + s.Error + "\n")
		}
	}
	return b.String()
}

// check makes sure that every promise of a Sink was kept.
func (h *heard) check(t *testing.T) {
	t.Helper()
	if h.broken != "" {
		t.Error(h.broken)
	}
	for _, s := range h.steps {
		if !s.StartedAt.IsZero() && s.FinishedAt.IsZero() {
			t.Errorf("the step %q never ended", s.Name)
		}
	}
}

// built builds and removes the image when the test ends.
func built(t *testing.T, api *client.Client, req build.Request) (build.Result, *heard) {
	t.Helper()
	h := &heard{}
	result, err := buildKit(api).Build(t.Context(), req, h)
	if err != nil {
		t.Fatalf("Build: %v\n%s%s%s", err, h.said(build.Stdout), h.said(build.Stderr), h.failed())
	}
	h.check(t)
	t.Cleanup(func() {
		ctx, cancel := cleaningUp(t)
		defer cancel()
		_, err := api.ImageRemove(ctx, result.Reference, client.ImageRemoveOptions{PruneChildren: true})
		if err != nil {
			t.Errorf("remove %s: %v", result.Reference, err)
		}
	})
	return result, h
}

// run starts a container of an image and returns where its port 8080 is.
func run(t *testing.T, api *client.Client, image string) netip.AddrPort {
	t.Helper()
	ctx := t.Context()
	port := network.MustParsePort("8080/tcp")
	c, err := api.ContainerCreate(ctx, client.ContainerCreateOptions{
		Config:     &container.Config{Image: image},
		HostConfig: &container.HostConfig{PortBindings: network.PortMap{port: {{HostIP: netip.MustParseAddr("127.0.0.1")}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := cleaningUp(t)
		defer cancel()
		if _, err := api.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true}); err != nil {
			t.Error(err)
		}
	})
	if _, err := api.ContainerStart(ctx, c.ID, client.ContainerStartOptions{}); err != nil {
		t.Fatal(err)
	}
	info, err := api.ContainerInspect(ctx, c.ID, client.ContainerInspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	binding := info.Container.NetworkSettings.Ports[port][0]
	return netip.MustParseAddrPort("127.0.0.1:" + binding.HostPort)
}

func wantFault(t *testing.T, err error, code fault.Code, text string) {
	t.Helper()
	if !fault.Is(err, code) || !strings.Contains(err.Error(), text) {
		t.Errorf("the error is %v (%s), want %s with %q", err, fault.CodeOf(err), code, text)
	}
}
