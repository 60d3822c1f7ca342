package main

import (
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/davitdev/davit/test/server"
)

// TestScripts runs davit as a user does: each script has a directory and free
// ports of its own, and everything it started is taken down at its end.
func TestScripts(t *testing.T) {
	t.Parallel()

	bin := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(bin, "davit"), ".").CombinedOutput(); err != nil {
		t.Fatalf("build davit: %v\n%s", err, out)
	}
	examples, err := filepath.Abs("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:       "testdata/script",
		Setup:     func(e *testscript.Env) error { return setUp(e, bin, examples) },
		Condition: condition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "jsonl": jsonl, "tty": tty, "readme": readme,
		},
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
	})
}

func setUp(e *testscript.Env, bin, examples string) error {
	data := filepath.Join(e.WorkDir, "data")
	e.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
	for _, name := range []string{"DOCKER_HOST", "GOPROXY", "GOFLAGS"} {
		e.Setenv(name, os.Getenv(name))
	}
	ports, err := server.FreePorts(2)
	if err != nil {
		return err
	}
	e.Setenv("API", ports[0])
	e.Setenv("APPS", ports[1])
	e.Setenv("DAVIT_SERVER", "http://"+ports[0])
	e.Setenv("DAVIT_LISTEN", ports[0])
	e.Setenv("DAVIT_PROXY_LISTEN", ports[1])
	e.Setenv("DAVIT_DATA", data)
	e.Setenv("DAVIT_RUNNER", "process")
	e.Setenv("TEST_REGISTRY", os.Getenv("TEST_REGISTRY"))
	for _, name := range []string{"TEST_GIT", "TEST_GIT_ROOT", "TEST_GIT_TOKEN"} {
		e.Setenv(name, os.Getenv(name))
	}
	e.Setenv("REPO", "script-"+strings.ToLower(rand.Text()))
	e.Setenv("BIN", bin)
	e.Setenv("TERM", "xterm")
	e.Defer(func() {
		if t, ok := e.T().(interface{ Failed() bool }); ok && t.Failed() {
			takeDown(filepath.Join(bin, "davit"), e.Vars)
		}
	})
	if err := shareCache(data); err != nil {
		return err
	}
	for _, name := range []string{"hello-go", "static-site"} {
		if err := os.CopyFS(filepath.Join(e.WorkDir, name), os.DirFS(filepath.Join(examples, name))); err != nil {
			return err
		}
	}
	return nil
}

// takeDown ends what a script that failed left running. A server is needed to
// stop applications, and that of the script may be gone.
func takeDown(davit string, env []string) {
	serve := exec.Command(davit, "serve")
	serve.Env = env
	if serve.Start() != nil {
		return
	}
	defer serve.Wait()
	defer serve.Process.Kill()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for range 150 {
		<-tick.C
		stop := exec.Command(davit, "stop", "--all")
		stop.Env = env
		if out, err := stop.CombinedOutput(); err == nil && strings.Contains(string(out), "The control plane has ended") {
			return
		}
	}
}

// shareCache lets the builds of a data directory use the machine's build
// cache: scripts are about Davit, not about the compiler.
func shareCache(data string) error {
	out, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		return fmt.Errorf("find build cache: %w", err)
	}
	processes := filepath.Join(data, "processes")
	if err := os.MkdirAll(processes, 0o700); err != nil {
		return err
	}
	return os.Symlink(strings.TrimSpace(string(out)), filepath.Join(processes, "gocache"))
}

// condition knows [docker], an engine that has the base image of a Go build, and
// [git], a server of repositories.
func condition(name string) (bool, error) {
	if name == "docker" {
		return os.Getenv("TEST_REGISTRY") != "" && os.Getenv("DOCKER_HOST") != "", nil
	}
	if name == "git" {
		return os.Getenv("TEST_GIT") != "", nil
	}
	return false, fmt.Errorf("unknown condition %q", name)
}
