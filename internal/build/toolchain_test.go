package build_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"
	modzip "golang.org/x/mod/zip"

	"github.com/davitdev/davit/internal/build"
	"github.com/davitdev/davit/internal/fault"
)

// goCommand is the go that runs this test.
func goCommand(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "bin", "go")
}

// toolchain builds with a build cache that tests share, so that Go's library is
// compiled once, and keeps what it installs in the returned bundle.
func toolchain(t *testing.T) (*build.Toolchain, *build.Bundle) {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	installed, kept, scratch := &build.Bundle{}, t.TempDir(), t.TempDir()
	t.Cleanup(func() {
		if left, err := os.ReadDir(scratch); err != nil || len(left) > 0 {
			t.Errorf("builds left %v, %v", left, err)
		}
	})
	return &build.Toolchain{
		Go: goCommand(t), Proxy: "off", Scratch: scratch,
		BuildCache: filepath.Join(cache, "davit-test-go-build"), ModuleCache: modCache(t),
		Install: func(_ context.Context, reference string, b build.Bundle) (string, error) {
			if rel, err := filepath.Rel(scratch, b.Dir); err != nil || !filepath.IsLocal(rel) {
				t.Errorf("it is built in %s, where nothing removes it after a kill", b.Dir)
			}
			*installed = b
			installed.Dir = filepath.Join(kept, "bundle")
			return "image of " + reference, os.CopyFS(installed.Dir, os.DirFS(b.Dir))
		},
	}, installed
}

// modCache is a directory that go has write-protected when the test ends.
func modCache(t *testing.T) string {
	dir := t.TempDir()
	t.Cleanup(func() {
		filepath.WalkDir(dir, func(name string, _ os.DirEntry, _ error) error { return os.Chmod(name, 0o755) })
	})
	return dir
}

func TestToolchainBuildsTheExample(t *testing.T) {
	t.Parallel()
	b, bundle := toolchain(t)
	req := requestDir(t, "../../examples/hello-go", build.Options{})
	h := &heard{}
	got, err := b.Build(t.Context(), req, h)
	if err != nil {
		t.Fatalf("Build: %v\n%s", err, h.said(build.Stderr))
	}
	h.check(t)
	reference := "davit/" + req.Instance + ":dep_1"
	if diff := cmp.Diff(build.Result{Image: "image of " + reference, Reference: reference, Platform: runtime.GOOS + "/" + runtime.GOARCH}, got); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	if !slices.Equal(bundle.Command, []string{"app"}) || bundle.Port != 8080 {
		t.Errorf("the bundle is %+v", bundle)
	}
	if page := serve(t, filepath.Join(bundle.Dir, bundle.Command[0])); !strings.Contains(page, "Hello!") {
		t.Errorf("the page is %q", page)
	}
}

// serve runs a web server and returns its page.
func serve(t *testing.T, program string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	cmd := exec.Command(program)
	cmd.Env = []string{"PORT=" + port}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	return get(t, "http://127.0.0.1:"+port+"/")
}

// get asks until somebody answers.
func get(t *testing.T, url string) string {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(10 * time.Second); ; {
		answer, err := http.Get(url)
		if err == nil {
			defer answer.Body.Close()
			body, err := io.ReadAll(answer.Body)
			if err != nil || answer.StatusCode != http.StatusOK {
				t.Errorf("GET %s = %d, %v", url, answer.StatusCode, err)
			}
			return string(body)
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("it does not answer: %v", err)
		}
	}
}

func TestToolchainSaysWhyItFailed(t *testing.T) {
	t.Parallel()
	b, _ := toolchain(t)
	h := &heard{}
	_, err := b.Build(t.Context(), request(t, map[string]string{"go.mod": goMod, "main.go": "package main\n\nfunc main() { nope() }\n"}, build.Options{}), h)
	wantFault(t, err, fault.BuildFailed, "go build ended with exit code 1")
	e, ok := errors.AsType[*build.Error](err)
	if !ok || e.ExitCode != 1 || len(e.Last) == 0 || !strings.Contains(e.Last[len(e.Last)-1].Text, "undefined: nope") {
		t.Errorf("the error says %+v", e)
	}
	h.check(t)
	if s := h.step(t, "go build"); s.Error != "exit status 1" {
		t.Errorf("the step says %+v", s)
	}
}

func TestToolchainRefuses(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name  string
		files map[string]string
		code  fault.Code
		want  string
	}{
		{"what only a container can build", map[string]string{"Dockerfile": "FROM scratch\n"}, fault.NotBuildable, "install Docker"},
		{"a replacement that leads out", map[string]string{"go.mod": goMod + "replace example.com/x => ../x\n", "main.go": program}, fault.SourceForbidden, `"../x", which is outside`},
		{"a replacement that leads out later", map[string]string{"go.mod": goMod + "replace example.com/x => ./a/../../x\n", "main.go": program}, fault.SourceForbidden, "which is outside"},
		{"a replacement from the root of the machine", map[string]string{"go.mod": goMod + "replace example.com/x => /etc\n", "main.go": program}, fault.SourceForbidden, `"/etc", which is outside`},
		{"a dependency that is not in go.sum", map[string]string{"go.mod": goMod + "require example.com/x v1.0.0\n", "main.go": "package main\n\nimport _ \"example.com/x\"\n\nfunc main() {}\n"}, fault.BuildFailed, "go mod ended with exit code 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b, _ := toolchain(t)
			_, err := b.Build(t.Context(), request(t, tt.files, build.Options{}), &heard{})
			wantFault(t, err, tt.code, tt.want)
		})
	}
}

// A workspace, the environment and files of the home directory could all point
// the compiler elsewhere.
func TestToolchainSeesNothingOfItsSurroundings(t *testing.T) {
	b, _ := toolchain(t)
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "go.mod"), []byte("module example.com/outside\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for k, v := range map[string]string{"GOFLAGS": "-nonsense", "CGO_ENABLED": "1", "GOWORK": "/nonsense", "GOTOOLCHAIN": "go1.99.0", "GOROOT": outside, "SECRET": "in the environment"} {
		t.Setenv(k, v)
	}
	req := request(t, map[string]string{
		"go.mod": goMod, "go.work": "go 1.24\nuse " + outside + "\n", "main.go": program,
		"cgo.go": "package main\n\n// #error cgo is on\nimport \"C\"\n",
	}, build.Options{})
	h := &heard{}
	if _, err := b.Build(t.Context(), req, h); err != nil {
		t.Errorf("Build: %v\n%s", err, h.said(build.Stderr))
	}
}

func TestToolchainFetchesDependenciesFromItsProxy(t *testing.T) {
	t.Parallel()
	b, _ := toolchain(t)
	sums := proxy(t, b, "example.com/greeting", "v1.2.3", "package greeting\n\nconst Text = \"hello\"\n")
	req := request(t, map[string]string{
		"go.mod":  goMod + "require example.com/greeting v1.2.3\n",
		"go.sum":  sums,
		"main.go": "package main\n\nimport \"example.com/greeting\"\n\nfunc main() { println(greeting.Text) }\n",
	}, build.Options{})
	h := &heard{}
	if _, err := b.Build(t.Context(), req, h); err != nil {
		t.Fatalf("Build: %v\n%s", err, h.said(build.Stderr))
	}
	if s := h.step(t, "go mod download"); s.Error != "" || s.FinishedAt.IsZero() {
		t.Errorf("the step says %+v", s)
	}
	if _, err := os.Stat(filepath.Join(b.ModuleCache, "example.com/greeting@v1.2.3")); err != nil {
		t.Errorf("the module is not in the cache: %v", err)
	}
}

// proxy makes b fetch from a directory that holds one module, and returns what
// go.sum says about it.
func proxy(t *testing.T, b *build.Toolchain, path, version, text string) string {
	t.Helper()
	src, dir := t.TempDir(), t.TempDir()
	mod := "module " + path + "\n"
	at := filepath.Join(dir, path, "@v")
	var archive bytes.Buffer
	err := errors.Join(os.WriteFile(filepath.Join(src, "go.mod"), []byte(mod), 0o644), os.WriteFile(filepath.Join(src, "x.go"), []byte(text), 0o644),
		os.MkdirAll(at, 0o755), modzip.CreateFromDir(&archive, module.Version{Path: path, Version: version}, src))
	if err != nil {
		t.Fatal(err)
	}
	for suffix, data := range map[string]string{".info": fmt.Sprintf(`{"Version": %q}`, version), ".mod": mod, ".zip": archive.String()} {
		if err := os.WriteFile(filepath.Join(at, version+suffix), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	zipSum, err := dirhash.HashZip(filepath.Join(at, version+".zip"), dirhash.Hash1)
	if err != nil {
		t.Fatal(err)
	}
	modSum, err := dirhash.Hash1([]string{"go.mod"}, func(string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(mod)), nil })
	if err != nil {
		t.Fatal(err)
	}
	b.Proxy = "file://" + dir
	return fmt.Sprintf("%s %s %s\n%s %s/go.mod %s\n", path, version, zipSum, path, version, modSum)
}

// A go command whose compilers never end.
func TestToolchainEndsWithItsCompilers(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name    string
		timeout time.Duration
		check   func(t *testing.T, err error)
	}{
		{"when it is canceled", 0, func(t *testing.T, err error) {
			if !errors.Is(err, errStop) {
				t.Errorf("Build = %v, want the cause", err)
			}
		}},
		{"when its time is over", 500 * time.Millisecond, func(t *testing.T, err error) { wantFault(t, err, fault.BuildTimeout, "longer than 500ms") }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b, _ := toolchain(t)
			b.BuildCache = t.TempDir() // marks our processes
			b.Go = filepath.Join(t.TempDir(), "go")
			if err := os.WriteFile(b.Go, []byte("#!/bin/sh\n/bin/sleep 300 &\necho compiling\nwait\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			req := request(t, map[string]string{"go.mod": goMod, "main.go": program}, build.Options{})
			req.Timeout = tt.timeout
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			h := &heard{onLine: func(build.Line) {
				if tt.timeout == 0 {
					cancel(errStop)
				}
			}}
			began := time.Now()
			_, err := b.Build(ctx, req, h)
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it took %s to end", took)
			}
			tt.check(t, err)
			h.check(t)
			awaitNoProcess(t, "GOCACHE="+b.BuildCache)
		})
	}
}

var errStop = errors.New("stop")

func TestToolchainThatIsMissingIsNobodysFault(t *testing.T) {
	t.Parallel()
	b, _ := toolchain(t)
	b.Go = "/nonexistent/go"
	_, err := b.Build(t.Context(), request(t, map[string]string{"go.mod": goMod, "main.go": program}, build.Options{}), &heard{})
	wantFault(t, err, fault.RunnerAway, "toolchain")
}
