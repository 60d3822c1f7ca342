//go:build unix

package main

import (
	"cmp"
	"context"
	"fmt"
	"os/exec"

	buildpkg "github.com/davitdev/davit/internal/build"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/runner/docker"
	"github.com/davitdev/davit/runner/process"
)

// pickRunner finds the place that runs replicas, and what builds for it: Docker
// if its engine answers, else the processes of this machine. It notes which and
// why.
func (h *house) pickRunner(ctx context.Context, installation string) (buildpkg.Builder, error) {
	switch h.config.Runner {
	case "docker":
		return h.useDocker(ctx, installation)
	case "process":
		return h.useProcess(ctx, "as asked for")
	case "none":
		return nil, fault.New(fault.Invalid, "--runner none is for servers without a worker, which this version does not have.")
	}
	b, err := h.useDocker(ctx, installation)
	if err == nil {
		return b, nil
	}
	return h.useProcess(ctx, "because "+err.Error())
}

func (h *house) useDocker(ctx context.Context, installation string) (buildpkg.Builder, error) {
	engine, err := docker.New(docker.Options{Installation: installation})
	if err != nil {
		return nil, err
	}
	info, err := engine.Info(ctx)
	if err != nil {
		return nil, fault.Wrap(err, fault.RunnerAway, "no Docker engine answers")
	}
	h.runner, h.runnerNote = engine, fmt.Sprintf("Docker %s (%s, %s)", info.Version, info.Platform, info.Storage)
	return &buildpkg.BuildKit{
		Dial: engine.DialBuild, DialSession: engine.DialSession, AllowHost: h.outbound().Allow, Installation: installation,
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
		Install: func(ctx context.Context, _ string, b buildpkg.Bundle) (string, error) {
			command := append([]string{"./" + b.Command[0]}, b.Command[1:]...) // below the directory, not in the PATH
			image, err := r.Install(ctx, b.Dir, process.ImageConfig{Cmd: command, Ports: []int{b.Port}})
			return image.ID, err
		},
	}, nil
}
