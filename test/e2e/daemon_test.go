package e2e

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/client"
)

// daemon is a Docker engine that a test may kill.
type daemon struct {
	dir string
	api *client.Client
	cmd *exec.Cmd
}

// ownEngine says where the engine of a test is that runs aside.
const ownEngine = "DAVIT_TEST_ENGINE"

// aside runs the test once more, as a process with namespaces of its own for
// network and mounts: a second engine would take the first one's firewall
// rules. There it starts an engine with the images of the test application and
// returns it. In the outer process it returns nil when the inner one has
// passed.
func aside(t *testing.T) *daemon {
	t.Helper()
	dir := os.Getenv(ownEngine)
	if dir == "" {
		runAside(t)
		return nil
	}
	d := &daemon{dir: dir}
	var err error
	if d.api, err = client.New(client.WithHost(d.host())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.api.Close() })
	if out, err := exec.CommandContext(t.Context(), "ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		t.Fatalf("ip link: %v\n%s", err, out)
	}
	t.Setenv("DOCKER_HOST", d.host())
	if err := os.WriteFile(filepath.Join(dir, "daemon.json"), []byte("{}"), 0o600); err != nil { // not the machine's
		t.Fatal(err)
	}
	t.Cleanup(func() { d.killAll(t) })
	d.start(t)
	images, err := os.Open(filepath.Join(dir, "images.tar"))
	if err != nil {
		t.Fatal(err)
	}
	defer images.Close()
	loaded, err := d.api.ImageLoad(t.Context(), images)
	if err != nil {
		t.Fatal(err)
	}
	defer loaded.Close()
	if _, err := io.Copy(io.Discard, loaded); err != nil {
		t.Fatal(err)
	}
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
	dir := t.TempDir()
	saveImages(t, filepath.Join(dir, "images.tar"))
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "-test.run", "^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), ownEngine+"="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("with an engine of its own: %v\n%s", err, out)
	}
}

// saveImages writes the images of the test application to a file.
func saveImages(t *testing.T, path string) {
	t.Helper()
	e := newEngine(t, "")
	registry := needs(t, "TEST_REGISTRY")
	names := []string{registry + "/davit-test/app:v1", registry + "/davit-test/app:v2"}
	for _, name := range names {
		pull, err := e.api.ImagePull(t.Context(), name, client.ImagePullOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := pull.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	images, err := e.api.ImageSave(t.Context(), names)
	if err != nil {
		t.Fatal(err)
	}
	defer images.Close()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(f, images); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func (d *daemon) host() string { return "unix://" + filepath.Join(d.dir, "docker.sock") }

// start starts the engine and returns once it answers.
func (d *daemon) start(t *testing.T) {
	t.Helper()
	log, err := os.OpenFile(filepath.Join(d.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if err := os.Remove(filepath.Join(d.dir, "pid")); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	d.cmd = exec.Command("dockerd", "--host", d.host(), "--data-root", filepath.Join(d.dir, "data"), "--exec-root", filepath.Join(d.dir, "exec"),
		"--pidfile", filepath.Join(d.dir, "pid"), "--config-file", filepath.Join(d.dir, "daemon.json"), "--log-level", "warn")
	d.cmd.Stdout, d.cmd.Stderr = log, log
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); ; <-tick.C {
		if _, err = d.api.Ping(t.Context(), client.PingOptions{}); err == nil {
			return
		}
		if time.Now().After(end) {
			text, _ := os.ReadFile(log.Name())
			t.Fatalf("the engine does not answer: %v\n%s", err, text[max(0, len(text)-4<<10):])
		}
	}
}

// kill kills the engine, with which its containerd dies. Its containers run on
// until it returns.
func (d *daemon) kill(t *testing.T) {
	t.Helper()
	if err := d.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
	_ = d.cmd.Wait() // how it ended is known
	pid, err := os.ReadFile(filepath.Join(d.dir, "exec", "containerd", "containerd.pid"))
	if err != nil {
		t.Fatal(err)
	}
	d.gone(t, string(pid))
}

// gone waits until a process is. An engine that finds one it knows waits for
// it, even if nobody has buried it yet.
func (d *daemon) gone(t *testing.T, pid string) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); ; <-tick.C {
		if _, err := os.Stat(filepath.Join("/proc", strings.TrimSpace(pid))); err != nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("process %s is still there", pid)
		}
	}
}

// killAll kills the engine, what it runs and what holds that.
func (d *daemon) killAll(t *testing.T) {
	t.Helper()
	d.kill(t)
	for _, pid := range d.processes(t) {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Error(err)
		}
	}
}

// processes lists those whose arguments name the directory of the engine, and
// what descends from them.
func (d *daemon) processes(t *testing.T) []int {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	children := map[int][]int{}
	var out []int
	for _, dir := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		stat, err := os.ReadFile(filepath.Join(dir, "stat"))
		if err != nil {
			continue // it is gone
		}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		parent, _ := strconv.Atoi(fields[1])
		children[parent] = append(children[parent], pid)
		if line, _ := os.ReadFile(filepath.Join(dir, "cmdline")); bytes.Contains(line, []byte(d.dir)) {
			out = append(out, pid)
		}
	}
	for i := 0; i < len(out); i++ {
		for _, c := range children[out[i]] {
			if !slices.Contains(out, c) {
				out = append(out, c)
			}
		}
	}
	return out
}
