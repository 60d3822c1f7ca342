//go:build linux

// Package daemon runs a Docker engine that may be killed, aside from the one of
// the machine.
package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/moby/moby/client"
)

// patience is how long an engine may take to come or go.
const patience = 60 * time.Second

// Daemon is a Docker engine whose process comes and goes. It has to run in a
// process that was made by RunAside. It is not safe for concurrent use.
type Daemon struct {
	API *client.Client

	dir string
	cmd *exec.Cmd
}

// RunAside runs a command with namespaces of its own for network and mounts: a
// second engine would take the first one's firewall rules. Only root can. When
// the command has ended, what it left is ended too, as by End. When this process
// dies first, the command gets SIGTERM, and has to call End itself.
func RunAside(cmd *exec.Cmd, dir string) error {
	// The signal comes when the thread dies that started the command.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Unshareflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGTERM,
		Setpgid: true, // Ctrl-C comes from us
	}
	return errors.Join(cmd.Run(), End(dir))
}

// End kills every process but this one whose arguments name something in a
// directory, and what descends from it, and returns once they are gone.
func End(dir string) error {
	for end := time.Now().Add(patience); ; <-time.After(10 * time.Millisecond) {
		pids, err := processes(dir)
		if err != nil || len(pids) == 0 {
			return err
		}
		if err := kill(pids); err != nil {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("processes %v do not end", pids)
		}
	}
}

func kill(pids []int) error {
	var errs []error
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// New returns the engine that keeps everything in dir, which is not started.
func New(ctx context.Context, dir string) (*Daemon, error) {
	d := &Daemon{dir: dir}
	if out, err := exec.CommandContext(ctx, "ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("ip link: %w\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(dir, "daemon.json"), []byte("{}"), 0o600); err != nil { // not the machine's
		return nil, err
	}
	var err error
	d.API, err = client.New(client.WithHost(d.Host()))
	return d, err
}

// Host is where it listens, as DOCKER_HOST says it.
func (d *Daemon) Host() string { return "unix://" + filepath.Join(d.dir, "docker.sock") }

// Root is where it keeps images and containers.
func (d *Daemon) Root() string { return filepath.Join(d.dir, "data") }

// Start starts the engine and returns once it answers.
func (d *Daemon) Start(ctx context.Context) error {
	log, err := os.OpenFile(filepath.Join(d.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	if err := os.Remove(filepath.Join(d.dir, "pid")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "dockerd", "--host", d.Host(), "--data-root", d.Root(),
		"--exec-root", filepath.Join(d.dir, "exec"), "--pidfile", filepath.Join(d.dir, "pid"), "--config-file", filepath.Join(d.dir, "daemon.json"),
		"--log-level", "warn")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the engine: %w", err)
	}
	d.cmd = cmd
	err = wait(ctx, 10*time.Millisecond, func() error {
		_, err := d.API.Ping(ctx, client.PingOptions{})
		return err
	})
	if err != nil {
		text, _ := os.ReadFile(log.Name())
		return fmt.Errorf("the engine does not answer: %w\n%s", err, text[max(0, len(text)-4<<10):])
	}
	return nil
}

// Kill kills the engine, with which its containerd dies. Its containers run on
// until it returns.
func (d *Daemon) Kill(ctx context.Context) error {
	if d.cmd == nil {
		return nil
	}
	if err := d.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	_ = d.cmd.Wait() // how it ended is known
	d.cmd = nil
	pid, err := os.ReadFile(filepath.Join(d.dir, "exec", "containerd", "containerd.pid"))
	if err != nil {
		return err
	}
	// An engine that finds a process it knows waits for it, even if nobody has
	// buried it yet.
	return wait(ctx, time.Millisecond, func() error {
		if _, err := os.Stat(filepath.Join("/proc", strings.TrimSpace(string(pid)))); err == nil {
			return fmt.Errorf("process %s is still there", pid)
		}
		return nil
	})
}

// KillAll kills the engine, what it runs and what holds that.
func (d *Daemon) KillAll(ctx context.Context) error {
	err := d.Kill(ctx)
	pids, perr := processes(d.dir)
	return errors.Join(err, perr, kill(pids))
}

// Containers lists the names of all containers.
func (d *Daemon) Containers(ctx context.Context) ([]string, error) {
	list, err := d.API.ContainerList(ctx, client.ContainerListOptions{All: true})
	if err != nil {
		return nil, err
	}
	var out []string
	for _, c := range list.Items {
		out = append(out, c.Names...)
	}
	return out, nil
}

// processes lists those whose arguments name something in a directory, and what
// descends from them.
func processes(in string) ([]int, error) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
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
		if line, _ := os.ReadFile(filepath.Join(dir, "cmdline")); bytes.Contains(line, []byte(in+"/")) && pid != os.Getpid() {
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
	return out, nil
}

// Load gives the engine the images that Save wrote to a file.
func (d *Daemon) Load(ctx context.Context, path string) error {
	images, err := os.Open(path)
	if err != nil {
		return err
	}
	defer images.Close()
	loaded, err := d.API.ImageLoad(ctx, images)
	if err != nil {
		return fmt.Errorf("load images: %w", err)
	}
	defer loaded.Close()
	_, err = io.Copy(io.Discard, loaded)
	return err
}

// Save pulls images with another engine and writes them to a file.
func Save(ctx context.Context, api *client.Client, path string, names ...string) error {
	for _, name := range names {
		pull, err := api.ImagePull(ctx, name, client.ImagePullOptions{})
		if err != nil {
			return fmt.Errorf("pull %s: %w", name, err)
		}
		if err := pull.Wait(ctx); err != nil {
			return fmt.Errorf("pull %s: %w", name, err)
		}
	}
	images, err := api.ImageSave(ctx, names)
	if err != nil {
		return fmt.Errorf("save images: %w", err)
	}
	defer images.Close()
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.Copy(f, images); err != nil {
		return fmt.Errorf("save images: %w", err)
	}
	return f.Close()
}

// wait tries again and again, in vain at most for the patience there is.
func wait(ctx context.Context, every time.Duration, try func() error) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for end := time.Now().Add(patience); ; {
		err := try()
		if err == nil || time.Now().After(end) {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
