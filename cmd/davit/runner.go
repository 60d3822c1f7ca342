//go:build unix

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"time"

	buildpkg "github.com/davitdev/davit/internal/build"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/secret"
	"github.com/davitdev/davit/runner/docker"
	"github.com/davitdev/davit/runner/process"
)

// The runners a server may use, as --runner and the runner file name them.
const (
	runnerDocker  = "docker"
	runnerProcess = "process"
)

// pickRunner finds the place that runs replicas, and what builds for it: the
// one that was asked for, else the one that the applications are on already,
// else Docker if its engine answers and the processes of this machine if not.
// It notes which and why.
func (h *house) pickRunner(ctx context.Context, keys *secret.Box, installation string) (buildpkg.Builder, error) {
	text, err := os.ReadFile(h.config.RunnerFile())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("find out where applications run: %w", err)
	}
	known := strings.TrimSpace(string(text))
	b, name, err := h.useRunner(ctx, keys, installation, known)
	if err != nil || name == known {
		return b, err
	}
	if known == "" && name == runnerProcess && h.config.Runner != name {
		// Data older than this file may be of an engine that is away.
		used, err := h.db.Deployment.Query().Exist(ctx)
		if err != nil || used {
			return b, err
		}
	}
	if err := os.WriteFile(h.config.RunnerFile(), []byte(name+"\n"), 0o600); err != nil {
		return nil, fmt.Errorf("note where applications run: %w", err)
	}
	return b, nil
}

func (h *house) useRunner(ctx context.Context, keys *secret.Box, installation, known string) (b buildpkg.Builder, name string, err error) {
	name, why := h.config.Runner, "as asked for"
	if name == "auto" {
		name, why = known, "as before: --runner docker changes that, and then applications are to be deployed again"
	}
	switch name {
	case runnerDocker:
		b, err = h.useDocker(ctx, keys, installation, known == runnerDocker)
		return b, name, err
	case runnerProcess:
		b, err = h.useProcess(ctx, why)
		return b, name, err
	}
	if b, err = h.useDocker(ctx, keys, installation, false); err == nil {
		return b, runnerDocker, nil
	}
	b, err = h.useProcess(ctx, "because "+err.Error())
	return b, runnerProcess, err
}

// useDocker takes the engine, if it answers. One that has the applications is
// waited for: nothing else could serve them.
func (h *house) useDocker(ctx context.Context, keys *secret.Box, installation string, known bool) (buildpkg.Builder, error) {
	engine, err := docker.New(docker.Options{Installation: installation, Guard: h.guard.Watch})
	if err != nil {
		return nil, err
	}
	asking := ctx
	if known { // nothing depends on the answer but a note
		var cancel context.CancelFunc
		asking, cancel = context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
	}
	info, err := engine.Info(asking)
	switch {
	case err == nil:
		h.runnerNote = fmt.Sprintf("Docker %s (%s, %s)", info.Version, info.Platform, info.Storage)
	case known:
		h.runnerNote = "Docker, whose engine does not answer: what runs there is looked after once it does"
	default:
		return nil, fault.Wrap(err, fault.RunnerAway, "no Docker engine answers")
	}
	h.runner = engine
	return &buildpkg.BuildKit{
		Dial: engine.DialBuild, DialSession: engine.DialSession, AllowHost: h.outbound().Allow, Installation: installation,
		Client: h.outbound().Client(), Scratch: h.config.Scratch(), AllowGit: h.config.AllowPrivateNetworks,
		Digest: func(text string) string {
			return keys.Digest(secret.Place{Table: "builds", Row: installation, Field: "cache"}, text)
		},
	}, nil
}

func (h *house) useProcess(ctx context.Context, why string) (buildpkg.Builder, error) {
	r, err := process.New(ctx, process.Options{Dir: h.config.Processes(), Path: h.getenv("PATH")})
	if err != nil {
		return nil, err
	}
	h.runner, h.runnerNote = r, "processes of this machine, not isolated, "+why
	gobin, err := exec.LookPath("go")
	if err != nil {
		gobin = "go" // a build says then that it is missing
	}
	return &buildpkg.Toolchain{
		Go: gobin, Proxy: cmp.Or(h.getenv("GOPROXY"), "https://proxy.golang.org,direct"), BuildCache: h.config.Processes() + "/gocache", ModuleCache: h.config.Processes() + "/gomodcache",
		Scratch: h.config.Scratch(),
		Install: func(ctx context.Context, _ string, b buildpkg.Bundle) (string, error) {
			command := append([]string{"./" + b.Command[0]}, b.Command[1:]...) // below the directory, not in the PATH
			image, err := r.Install(ctx, b.Dir, process.ImageConfig{Cmd: command, Ports: []int{b.Port}})
			return image.ID, err
		},
	}, nil
}
