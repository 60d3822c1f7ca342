// Command engine runs a command, such as the tests, with a Docker engine of its
// own in DOCKER_HOST: the dockerd, containerd and runc of a directory, in
// namespaces of their own for network and mounts, because a second engine would
// take the first one's firewall rules. The engine of DOCKER_HOST lends it
// images, and the services that TEST_ variables name are where they were.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/moby/moby/client"
)

// inside names the directory of the engine to the process that has the
// namespaces.
const inside = "DAVIT_TEST_ENGINE_DIR"

func main() {
	programs := flag.String("programs", "bin/engine", "the directory of dockerd and what it runs")
	images := flag.String("images", "", "what to copy from the engine of DOCKER_HOST, separated by commas")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	run := func() error { return outer(ctx, *images) }
	if dir := os.Getenv(inside); dir != "" {
		run = func() error { return inner(ctx, dir, *programs, flag.Args()) }
	}
	err := run()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "engine:", err)
		os.Exit(1)
	}
}

// outer runs this program once more, in its namespaces.
func outer(ctx context.Context, images string) (err error) {
	if os.Geteuid() != 0 {
		return errors.New("only root can start an engine")
	}
	dir, err := os.MkdirTemp("", "davit-engine-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := save(ctx, filepath.Join(dir, "images.tar"), images); err != nil {
		return err
	}
	if err := offer(ctx, dir); err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, program, os.Args[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.Env = append(os.Environ(), inside+"="+dir)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS}
	return cmd.Run()
}

// inner starts the engine, runs the command and stops the engine.
func inner(ctx context.Context, dir, programs string, command []string) (err error) {
	if len(command) == 0 {
		return errors.New("name a command")
	}
	if out, err := exec.CommandContext(ctx, "ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		return fmt.Errorf("ip link: %w: %s", err, out)
	}
	if err := receive(ctx, dir); err != nil {
		return err
	}
	if programs, err = filepath.Abs(programs); err != nil {
		return err
	}
	host := "unix://" + filepath.Join(dir, "docker.sock")
	// What finds dockerd finds this one, and it finds what belongs to it.
	err = errors.Join(os.Setenv("PATH", programs+":"+os.Getenv("PATH")), os.Setenv("DOCKER_HOST", host), os.Unsetenv(inside))
	if err != nil {
		return err
	}
	stop, err := start(ctx, dir, host)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	if err := load(ctx, filepath.Join(dir, "images.tar")); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}

// start starts dockerd, waits until it answers and says what it is.
func start(ctx context.Context, dir, host string) (stop func() error, _ error) {
	config := filepath.Join(dir, "daemon.json") // not the machine's
	if err := os.WriteFile(config, []byte("{}"), 0o600); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command("dockerd", "--host", host, "--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"),
		"--pidfile", filepath.Join(dir, "pid"), "--config-file", config, "--log-level", "warn")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop = func() error {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			return err
		}
		return cmd.Wait()
	}
	if err := greet(ctx); err != nil {
		text, _ := os.ReadFile(log.Name())
		return nil, errors.Join(err, stop(), errors.New(string(text)))
	}
	return stop, nil
}

// greet waits for the engine of DOCKER_HOST.
func greet(ctx context.Context) error {
	api, err := client.New(client.FromEnv)
	if err != nil {
		return err
	}
	defer api.Close()
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("the engine does not answer after a minute"))
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if v, err := api.ServerVersion(ctx, client.ServerVersionOptions{}); err == nil {
			fmt.Println(describe(v))
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// describe names the versions of an engine and its parts. One that is built as
// a library knows only its module's.
func describe(v client.ServerVersionResult) string {
	parts := []string{fmt.Sprintf("engine: API %s", v.APIVersion)}
	for _, c := range v.Components {
		version := c.Version
		if module := c.Details["ModuleVersion"]; module != "" {
			version = c.Details["Module"] + " " + module
		}
		parts = append(parts, c.Name+" "+version)
	}
	return strings.Join(parts, ", ")
}

// save writes images of the engine of DOCKER_HOST to a file.
func save(ctx context.Context, path, images string) error {
	f, err := os.Create(path)
	if err != nil || images == "" {
		return err
	}
	defer f.Close()
	api, err := client.New(client.FromEnv)
	if err != nil {
		return err
	}
	defer api.Close()
	archive, err := api.ImageSave(ctx, strings.Split(images, ","))
	if err != nil {
		return err
	}
	defer archive.Close()
	if _, err := io.Copy(f, archive); err != nil {
		return err
	}
	return f.Close()
}

// load gives them to the engine that DOCKER_HOST names now.
func load(ctx context.Context, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Size() == 0 {
		return err
	}
	api, err := client.New(client.FromEnv)
	if err != nil {
		return err
	}
	defer api.Close()
	loaded, err := api.ImageLoad(ctx, f)
	if err != nil {
		return err
	}
	defer loaded.Close()
	_, err = io.Copy(io.Discard, loaded)
	return err
}
