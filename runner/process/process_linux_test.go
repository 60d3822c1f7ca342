package process_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/davitdev/davit/runner"
	"github.com/davitdev/davit/runner/process"
	"github.com/davitdev/davit/runner/runnertest"
)

func TestMain(m *testing.M) {
	process.Shim()
	goleak.VerifyTestMain(m)
}

func newRunner(t *testing.T, dir string) *process.Runner {
	t.Helper()
	r, err := process.New(t.Context(), process.Options{Dir: dir, Path: "/usr/bin:/bin"})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// appFiles is a directory with the program test/app.
func appFiles(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", filepath.Join(dir, "app"), ".")
	cmd.Dir, cmd.Env = "../../test/app", append(os.Environ(), "GOFLAGS=")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, b)
	}
	return dir
}

func TestRunnerConforms(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	files := appFiles(t)
	runnertest.Conform(t, runnertest.Harness{
		New: func(t *testing.T, installation string) runner.Runner {
			r := newRunner(t, filepath.Join(dir, installation))
			if _, err := r.Install(t.Context(), files, process.ImageConfig{Cmd: []string{"./app"}}); err != nil {
				t.Fatal(err)
			}
			return r
		},
		Image: func(t *testing.T) string {
			img, err := newRunner(t, filepath.Join(dir, "images")).Install(t.Context(), files, process.ImageConfig{Cmd: []string{"./app"}})
			if err != nil {
				t.Fatal(err)
			}
			return img.ID
		},
		Build: func(t *testing.T, installation, _, deployment string) string {
			r := newRunner(t, filepath.Join(dir, installation))
			img, err := r.Install(t.Context(), files, process.ImageConfig{Cmd: []string{"./app", deployment}})
			if err != nil {
				t.Fatal(err)
			}
			return img.ID
		},
		Program: "./app",
	})
}
