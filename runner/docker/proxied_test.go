package docker_test

import (
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/davitdev/davit/internal/build"
	"github.com/davitdev/davit/internal/outbound"
	"github.com/davitdev/davit/internal/source"
	"github.com/davitdev/davit/runner"
	"github.com/davitdev/davit/runner/docker"
	"github.com/davitdev/davit/runner/runnertest"
	"github.com/davitdev/davit/test/socketproxy"
)

// A proxy that allows the calls of docs/engines.md is enough for all that Davit
// does with an engine, and each of them is needed.
func TestEngineConformsBehindASocketProxy(t *testing.T) { //nolint:tparallel // what was asked for is counted when all have ended
	t.Parallel()

	document, err := os.ReadFile("../../docs/engines.md")
	if err != nil {
		t.Fatal(err)
	}
	allowed, err := socketproxy.ReadTable(string(document))
	if err != nil {
		t.Fatal(err)
	}
	api := engine(t)
	socket, ok := strings.CutPrefix(api.DaemonHost(), "unix://")
	if !ok {
		t.Skip("the engine is not behind a socket of this machine")
	}
	proxy := socketproxy.New(socket, allowed)
	srv := httptest.NewServer(proxy)
	t.Cleanup(srv.Close)
	behind := func(o *docker.Options) { o.Host = "tcp://" + srv.Listener.Addr().String() }

	runnertest.Conform(t, runnertest.Harness{
		New:   func(t *testing.T, installation string) runner.Runner { return newEngine(t, installation, behind) },
		Image: func(t *testing.T) string { return appImage(t, api) },
		Build: func(t *testing.T, installation, instance, deployment string) string {
			return builtImage(t, api, installation, instance, deployment)
		},
		Program:     "/app",
		SharedNames: true,
		Cleanup:     func(t *testing.T, installations []string) { sweep(t, api, installations...) },
	})
	t.Run("a pull", func(t *testing.T) {
		p := &puller{Engine: newEngine(t, "docker-pull", behind), t: t, api: api, reg: newRegistry(t)}
		ref := p.reg.host + "/app:v1"
		p.reg.push("app:v1", runtime.GOARCH, []byte("behind"))
		p.forgetLater(ref)
		if _, err := p.Pull(t.Context(), ref, nil, nil); err != nil {
			t.Error(err)
		}
		if err := p.Readable(t.Context(), ref, nil); err != nil {
			t.Error(err)
		}
	})
	t.Run("a build", func(t *testing.T) { buildScratch(t, newEngine(t, "docker-behind", behind), "docker-behind") })
	t.Run("files of an account", func(t *testing.T) {
		p := newPlace(t, behind)
		p.ended(p.run(runner.Spec{
			Image: p.fileImage(program(t, "testdata/tool"), "none", "USER app"), Files: []runner.File{{Path: "/secret", Mode: 0o400}},
			Command: []string{"/tool", "cat", "/secret"},
		}))
	})

	if refused := proxy.Refused(); len(refused) > 0 {
		t.Errorf("docs/engines.md does not allow what Davit asks for: %q", refused)
	}
	if unused := proxy.Unused(); !t.Failed() && len(unused) > 0 {
		t.Errorf("docs/engines.md allows what Davit does not ask for: %q", unused)
	}
}

// buildScratch builds an image through the engine's BuildKit.
func buildScratch(t *testing.T, e *docker.Engine, installation string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM scratch\nCOPY Dockerfile /\nCMD [\"/none\"]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tree, err := source.OpenTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	plan, err := build.Detect(tree.FS(), build.Options{})
	if err != nil {
		t.Fatal(err)
	}
	builder := &build.BuildKit{Dial: e.DialBuild, DialSession: e.DialSession, AllowHost: outbound.Policy{}.Allow, Installation: installation, Digest: func(string) string { return "" }}
	r, err := builder.Build(t.Context(), build.Request{Tree: tree, Plan: plan, Instance: "ins_behind", Deployment: "dep_behind"}, silent{})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.RemoveImage(context.WithoutCancel(t.Context()), r.Image); err != nil {
		t.Error(err)
	}
}

// silent is a sink that hears nothing.
type silent struct{}

func (silent) Step(build.Step)  {}
func (silent) Log([]build.Line) {}
