package e2e

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/davitdev/davit/test/daemon"
)

// ownEngine says where the engine of a test is that runs aside.
const ownEngine = "DAVIT_TEST_ENGINE"

// aside runs the test once more, as a process that may have an engine of its
// own. There it starts one with the images of the test application and returns
// it; prepare, if not nil, is called before with the directory that the engine
// will keep them in. In the outer process it returns nil when the inner one has
// passed.
func aside(t *testing.T, prepare func(dir string)) *daemon.Daemon {
	t.Helper()
	dir := os.Getenv(ownEngine)
	if dir == "" {
		runAside(t)
		return nil
	}
	home := filepath.Join(dir, "engine")
	must(t, os.Mkdir(home, 0o700))
	d, err := daemon.New(t.Context(), home)
	must(t, err)
	t.Cleanup(func() { d.API.Close() })
	if prepare != nil {
		prepare(d.Root())
	}
	orphaned := make(chan os.Signal, 1)
	signal.Notify(orphaned, syscall.SIGTERM, syscall.SIGPIPE)
	parent := os.Getppid()
	go func() {
		for s := range orphaned {
			if s == syscall.SIGPIPE && os.Getppid() == parent {
				continue // of a connection of ours that somebody closed
			}
			_ = daemon.End(dir) // nobody is there to be told
			os.Exit(1)
		}
	}()
	t.Setenv("DOCKER_HOST", d.Host())
	t.Cleanup(func() { must(t, d.KillAll(context.WithoutCancel(t.Context()))) })
	must(t, d.Start(t.Context()))
	must(t, d.Load(t.Context(), filepath.Join(dir, "images.tar")))
	return d
}

func runAside(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("only root can start an engine")
		}
		t.Skip("only root can start an engine")
	}
	registry := needs(t, "TEST_REGISTRY")
	dir, err := os.MkdirTemp("", "davit-e2e-") //nolint:usetesting // a short path: sockets are in it
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	must(t, daemon.Save(t.Context(), newEngine(t, "").api, filepath.Join(dir, "images.tar"), registry+"/davit-test/app:v1", registry+"/davit-test/app:v2"))
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "-test.run", "^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), ownEngine+"="+dir, "TMPDIR="+dir)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = patience
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := daemon.RunAside(cmd, dir); err != nil {
		t.Fatalf("with an engine of its own: %v\n%s", err, &out)
	}
}

// must ends the test with what went wrong.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
