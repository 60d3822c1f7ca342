package build

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/mod/modfile"

	"github.com/davitdev/davit/internal/fault"
)

// Toolchain builds Go modules with the Go of this machine, for a runner
// without images. Compiling Go runs no code of the source, and cgo is off.
// It is safe for concurrent use. All fields are required.
type Toolchain struct {
	Go          string // path of the go command
	Proxy       string // GOPROXY
	BuildCache  string // GOCACHE
	ModuleCache string // GOMODCACHE
	Scratch     string // directory for builds under way, which a kill leaves there

	// Install makes what the runner runs out of a bundle and returns its
	// content address. The directory is gone once it has returned.
	Install func(ctx context.Context, reference string, b Bundle) (image string, err error)
}

// Bundle is a program and how to start it.
type Bundle struct {
	Dir     string   // what belongs to it, and nothing else
	Command []string // argv; the program is a path below Dir
	Port    int      // TCP port it listens on unless PORT says otherwise
}

var _ Builder = (*Toolchain)(nil)

// Build implements Builder.
func (b *Toolchain) Build(ctx context.Context, req Request, sink Sink) (Result, error) {
	ctx, cancel := withTimeout(ctx, req.Timeout)
	defer cancel()
	if err := b.check(req); err != nil {
		return Result{}, err
	}
	dir, err := os.MkdirTemp(b.Scratch, "build-")
	if err != nil {
		return Result{}, fmt.Errorf("build: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := noTelemetry(dir); err != nil {
		return Result{}, fmt.Errorf("build: %w", err)
	}
	out := newReport(sink, req.Secrets)
	defer out.finish()
	if req.Plan.Install != "" {
		if err := b.run(ctx, req, out, dir, "mod", "download"); err != nil {
			return Result{}, err
		}
	}
	if err := b.run(ctx, req, out, dir, compile(req, dir)...); err != nil {
		return Result{}, err
	}
	reference := Reference(req.Instance, req.Deployment)
	image, err := b.Install(ctx, reference, Bundle{Dir: filepath.Join(dir, "bundle"), Command: []string{"app"}, Port: req.Plan.Port})
	if err != nil {
		return Result{}, fmt.Errorf("install build: %w", err)
	}
	return Result{Image: image, Reference: reference, Platform: runtime.GOOS + "/" + runtime.GOARCH}, nil
}

// noTelemetry keeps the go command from counting what it does in a home, which it
// leaves to a process that outlives it. No variable of the environment does that.
func noTelemetry(home string) error {
	dir := filepath.Join(home, ".config", "go", "telemetry")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "mode"), []byte("off"), 0o600)
}

func compile(req Request, dir string) []string {
	args := []string{"build", "-trimpath", "-o", filepath.Join(dir, "bundle", "app")}
	if req.NoCache {
		args = append(args, "-a")
	}
	return append(args, req.Plan.Package)
}

// check refuses what only a container could build, and what would read files
// of this machine.
func (b *Toolchain) check(req Request) error {
	switch {
	case req.Plan.Builder == Dockerfile:
		return fault.New(fault.NotBuildable, "The source has a Dockerfile, and this machine has no Docker engine to build it with: install Docker and start davit serve again.")
	case req.Plan.Language != "Go":
		return fault.New(fault.NotBuildable, "Only Go is built without a Docker engine, and this machine has none to build %s with: install Docker and start davit serve again.", orFiles(req.Plan.Language))
	case req.Plan.Custom || len(req.Plan.Packages) > 0 || req.Plan.Context != "" || req.Plan.Directory != "" || strings.Contains(req.Plan.Package, " "):
		return fault.New(fault.NotBuildable, "Commands and packages of your own, a root directory and several programs need a Docker engine to build with, and this machine has none: install Docker and start davit serve again.")
	}
	data, err := read(req.Tree.FS(), "go.mod", fault.NotBuildable)
	if err != nil {
		return err
	}
	f, err := modfile.Parse("go.mod", data, nil)
	if err != nil {
		return fault.Wrap(err, fault.NotBuildable, "go.mod cannot be read: %v.", err)
	}
	for _, r := range f.Replace {
		if r.New.Version == "" && !fs.ValidPath(path.Clean(filepath.ToSlash(r.New.Path))) {
			return fault.New(fault.SourceForbidden, "go.mod replaces %s by the directory %q, which is outside of the source.", r.Old.Path, r.New.Path)
		}
	}
	return nil
}

func orFiles(language string) string {
	if language == "" {
		return "static files"
	}
	return language
}

// run runs the go command as one step.
func (b *Toolchain) run(ctx context.Context, req Request, out *report, dir string, args ...string) error {
	step := Step{ID: args[0], Name: "go " + strings.Join(args, " "), StartedAt: time.Now()}
	out.step(step)
	err := b.command(ctx, req, out, step.ID, dir, args)
	step.FinishedAt = time.Now()
	exit, failed := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		step.Error, err = interrupted, context.Cause(ctx)
	case failed:
		step.Error = exit.String()
		err = fault.New(fault.BuildFailed, "go %s ended with exit code %d.", step.ID, exit.ExitCode())
	default:
		step.Error = err.Error()
		err = fault.Wrap(err, fault.RunnerAway, "The Go toolchain of this machine could not be started.")
	}
	out.step(step)
	if failed && ctx.Err() == nil {
		return &Error{Err: err, ExitCode: exit.ExitCode(), Last: out.said(step.ID)}
	}
	return err
}

func (b *Toolchain) command(ctx context.Context, req Request, out *report, step, dir string, args []string) error {
	cmd := exec.CommandContext(ctx, b.Go, args...)
	cmd.Dir = req.Tree.Dir()
	cmd.Env = []string{
		"PATH=" + filepath.Dir(b.Go), // no git, no compiler of C
		"HOME=" + dir, "TMPDIR=" + dir,
		"GOENV=off", "GOWORK=off", "GOTOOLCHAIN=local", "GOTELEMETRY=off", "GOVCS=*:off", "GOPATH=" + filepath.Join(dir, "gopath"),
		"GOFLAGS=" + modFlag(req.Tree.FS()), "GOPROXY=" + b.Proxy, "GOCACHE=" + b.BuildCache, "GOMODCACHE=" + b.ModuleCache,
		"CGO_ENABLED=0",
	}
	cmd.Stdout = stepWriter{out, step, Stdout}
	cmd.Stderr = stepWriter{out, step, Stderr}
	// The compilers are children of the go command and must end with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	return cmd.Run()
}

// modFlag keeps the go command from changing go.mod. The command does not find
// out by itself that there is a vendor directory once the flag is set.
func modFlag(fsys fs.FS) string {
	if vendored, err := exists(fsys, "vendor/modules.txt"); vendored && err == nil {
		return "-mod=vendor"
	}
	return "-mod=readonly"
}

// stepWriter is the output of a command.
type stepWriter struct {
	out    *report
	step   string
	stream Stream
}

func (w stepWriter) Write(b []byte) (int, error) {
	w.out.output(w.step, w.stream, time.Now(), b)
	return len(b), nil
}
