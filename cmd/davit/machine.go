//go:build unix

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/davitdev/davit/internal/config"
	"github.com/davitdev/davit/runner/docker"
)

const (
	diskWarned = 5 << 30
	diskFailed = 500 << 20
)

// checkMachine looks at what a server on this machine needs. Server is the
// address of a Davit server of this machine that answers, "" for none.
func checkMachine(ctx context.Context, getenv func(string) string, c config.Config, server string) []check {
	c.Listen = cmp.Or(getenv("DAVIT_LISTEN"), c.Listen)
	c.ProxyListen = cmp.Or(getenv("DAVIT_PROXY_LISTEN"), c.ProxyListen)
	c.Runner = cmp.Or(getenv("DAVIT_RUNNER"), c.Runner)
	checks := []check{checkData(c), checkDisk(c.Data)}
	if _, err := os.Stat(c.Data); err == nil || c.DatabaseURL != "" { // which one may try out before there is a directory
		checks = append(checks, checkDatabase(ctx, c))
	}
	checks = append(checks, checkRedis(ctx, c)...)
	if c.Runner != "process" {
		checks = append(checks, checkEngine(ctx, c.Runner == "docker"))
	}
	return append(checks, checkPorts(ctx, c, server)...)
}

// checkData looks who can read the data directory and the secrets in it.
func checkData(c config.Config) check {
	const name = "data directory"
	info, err := os.Stat(c.Data)
	if errors.Is(err, fs.ErrNotExist) {
		return check{name, unknown, c.Data + " does not exist yet; \"davit serve\" makes it.", "If it is elsewhere, name it with --data."}
	}
	if err != nil || !info.IsDir() {
		return check{name, broken, c.Data + " is not a directory that can be read.", "Name another with --data, or mend its permissions."}
	}
	if unix.Access(c.Data, unix.R_OK|unix.W_OK|unix.X_OK) != nil {
		return check{name, broken, c.Data + " cannot be written to by this user.", "Run this as the user of the server, or give the directory to it."}
	}
	var open []string
	for _, path := range []string{c.Data, c.SecretKey(), c.TokenFile(), c.Database()} {
		if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 && (path == c.Data || info.Mode().Perm()&0o044 != 0 && !closed(c.Data)) {
			open = append(open, path)
		}
	}
	if len(open) > 0 {
		return check{name, broken, "Others on this machine can read " + strings.Join(open, ", ") + ".", "chmod go= " + strings.Join(open, " ")}
	}
	return check{name, sound, c.Data + " can be written to, and by nobody else.", ""}
}

// closed reports whether a directory lets only its owner in.
func closed(dir string) bool {
	info, err := os.Stat(dir)
	return err == nil && info.Mode().Perm()&0o077 == 0
}

// freeSpace is how many bytes this user may still write on the disk of a
// directory that exists.
func freeSpace(dir string) (int64, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return 0, fmt.Errorf("free space of %s: %w", dir, err)
	}
	return int64(fs.Bavail) * int64(fs.Bsize), nil //nolint:gosec,unconvert // sizes differ between systems
}

// checkDisk looks how much space is left for a directory that exists or will.
func checkDisk(dir string) check {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return check{"disk", unknown, "The directory cannot be found.", ""}
	}
	free, err := freeSpace(dir)
	for ; err != nil; free, err = freeSpace(dir) {
		if dir == filepath.Dir(dir) {
			return check{"disk", unknown, "Its free space is not known.", ""}
		}
		dir = filepath.Dir(dir)
	}
	one := check{Name: "disk", Verdict: sound, Message: size(free) + " are free."}
	switch {
	case free < diskFailed:
		one.Verdict = broken
	case free < diskWarned:
		one.Verdict = warning
	}
	if one.Verdict != sound {
		one.Hint = "Builds, images and logs need space: make some, or move the data directory."
	}
	return one
}

func size(n int64) string {
	if n >= 1<<30 {
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	}
	return bytes(n)
}

// checkEngine asks the container engine of this machine.
func checkEngine(ctx context.Context, wanted bool) check {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	engine, err := docker.New(docker.Options{Installation: "doctor"})
	if err != nil {
		return check{"engine", broken, err.Error() + ".", "Mend DOCKER_HOST."}
	}
	info, err := engine.Info(ctx)
	if err != nil {
		one := check{"engine", warning, noEngine, "Install and start Docker, or name its socket in DOCKER_HOST."}
		if wanted {
			one.Verdict, one.Message = broken, "No Docker engine answers."
		}
		return one
	}
	one := check{"engine", sound, fmt.Sprintf("Docker %s for %s keeps images with %s.", info.Version, info.Platform, info.Storage), ""}
	switch {
	case info.Storage == "vfs":
		one.Verdict, one.Hint = warning, "vfs copies every layer: use overlay2, builds are many times faster and smaller."
	case !info.Limits.Memory || !info.Limits.CPU || !info.Limits.Pids:
		one.Verdict, one.Hint = warning, "It cannot limit memory, CPU or processes: one application can take all of them. Enable these cgroup controllers."
	}
	return one
}
