package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// errMissing is the cause of a peer's absence: its scenario skips it.
var errMissing = errors.New("missing")

// packaged returns the program of a Debian package of the same name, which
// test/services installs where it may. Without it the error is errMissing.
func (b *bench) packaged(ctx context.Context, name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	b.say("  installing %s", name)
	if out, err := exec.CommandContext(ctx, "test/services", "install", name).CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: install %s: %w: %s", errMissing, name, err, ending(out))
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%w: %w", errMissing, err)
	}
	return path, nil
}

// built returns a program of bench/peers, which is a module of its own: our
// go.mod knows nothing of what is compared. It is built again only if something
// changed. If it cannot be, the error is errMissing.
func (b *bench) built(ctx context.Context, peer, pkg string) (string, error) {
	path, err := filepath.Abs(filepath.Join("bin", "peers", peer))
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err != nil {
		if b.builtOnly {
			return "", fmt.Errorf("%w: %s is not built", errMissing, peer)
		}
		b.say("  building %s; the first time takes minutes", peer)
	}
	cmd := exec.CommandContext(ctx, "go", "-C", filepath.Join("bench", "peers", peer), "build", "-trimpath", "-o", path, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // as their own releases are
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: build %s: %w: %s", errMissing, peer, err, ending(out))
	}
	return path, nil
}

// ending is the last of what a command said.
func ending(out []byte) string {
	const enough = 500
	return string(out[max(0, len(out)-enough):])
}

// program is a peer's process, with an address for it and a directory of its
// own, which has its log.
type program struct {
	addr, dir string
	ready     string // path that answers once it serves, without its slash
	cmd       *exec.Cmd
}

// startProgram starts one with begin, and returns it once it answers for the
// host of the benchmark. The caller closes it.
func startProgram(ctx context.Context, begin func(*program) error) (_ *program, err error) {
	p := &program{}
	if p.addr, err = freePort(ctx); err != nil {
		return nil, err
	}
	if p.dir, err = os.MkdirTemp("", "davit-bench-peer-"); err != nil {
		return nil, err
	}
	// nginx's workers are another user.
	if err = os.Chmod(p.dir, 0o755); err == nil { //nolint:gosec // nothing in it is secret
		err = begin(p)
	}
	if err == nil {
		err = untilAnswers(ctx, "http://"+p.addr+"/"+p.ready, benchHost, "")
	}
	if err != nil {
		log, _ := os.ReadFile(filepath.Join(p.dir, "log")) // there is none if it never started
		return nil, errors.Join(fmt.Errorf("%w: %s", err, ending(log)), p.close())
	}
	return p, nil
}

// file writes a file of the program's and returns its path.
func (p *program) file(name, format string, args ...any) (string, error) {
	path := filepath.Join(p.dir, name)
	return path, os.WriteFile(path, fmt.Appendf(nil, format, args...), 0o600)
}

// env is our environment with the program's directory as its home, so that it
// meets nothing of another one's.
func (p *program) env() []string {
	return append(os.Environ(), "HOME="+p.dir, "XDG_RUNTIME_DIR="+p.dir, "XDG_CONFIG_HOME="+p.dir, "XDG_DATA_HOME="+p.dir)
}

// start runs it. Its standard output goes nowhere: that is where access logs go
// that cannot be turned off.
func (p *program) start(ctx context.Context, path string, args ...string) error {
	log, err := os.Create(filepath.Join(p.dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	p.cmd = exec.CommandContext(context.WithoutCancel(ctx), path, args...)
	p.cmd.Dir, p.cmd.Env, p.cmd.Stderr = p.dir, p.env(), log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for us alone
	return p.cmd.Start()
}

// cpu is what it and its children used so far.
func (p *program) cpu() time.Duration { return treeCPU(p.cmd.Process.Pid) }

// close ends it, at once if it does not want to.
func (p *program) close() error {
	if p.cmd != nil && p.cmd.Process != nil {
		_ = p.cmd.Process.Signal(os.Interrupt) // fails only if it has ended
		kill := time.AfterFunc(5*time.Second, func() { _ = p.cmd.Process.Kill() })
		_ = p.cmd.Wait() // by a signal
		kill.Stop()
	}
	return os.RemoveAll(p.dir)
}
