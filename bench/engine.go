package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/davitdev/davit/runner"
)

// appPort is where the test application listens.
const appPort = 8080

// engine is the Docker engine without Davit: the bare limit.
type engine struct {
	api     *client.Client
	network string // id of a bridge of ours
	made    int    // containers so far
}

// openEngine connects to the engine and makes a bridge like one of Davit's.
func openEngine(ctx context.Context) (*engine, error) {
	api, err := client.New(client.FromEnv)
	if err != nil {
		return nil, err
	}
	subnet := netip.MustParsePrefix("10.200.255.0/25") // below Davit's range
	made, err := api.NetworkCreate(ctx, fmt.Sprintf("davit-bench-%d", os.Getpid()), client.NetworkCreateOptions{
		Driver: "bridge", IPAM: &network.IPAM{Config: []network.IPAMConfig{{Subnet: subnet, Gateway: subnet.Addr().Next()}}},
	})
	if err != nil {
		return nil, errors.Join(err, api.Close())
	}
	return &engine{api: api, network: made.ID}, nil
}

// close removes the bridge.
func (e *engine) close(ctx context.Context) error {
	_, err := e.api.NetworkRemove(context.WithoutCancel(ctx), e.network, client.NetworkRemoveOptions{})
	return errors.Join(err, e.api.Close())
}

// testImage returns the test application by digest, present on the engine, so
// that nobody asks a registry for it.
func (e *engine) testImage(ctx context.Context) (string, error) {
	registry := os.Getenv("TEST_REGISTRY")
	if registry == "" {
		return "", errors.New("TEST_REGISTRY is not set: use make bench, or test/services run")
	}
	pull, err := e.api.ImagePull(ctx, registry+"/davit-test/app:v1", client.ImagePullOptions{})
	if err != nil {
		return "", err
	}
	if err := pull.Wait(ctx); err != nil {
		return "", err
	}
	image, err := e.api.ImageInspect(ctx, registry+"/davit-test/app:v1")
	if err != nil {
		return "", err
	}
	for _, digest := range image.RepoDigests {
		if strings.HasPrefix(digest, registry+"/") {
			return digest, nil
		}
	}
	return "", errors.New("the test image has no digest")
}

// run creates and starts a container and returns when it answers with 200: the
// fewest calls that do it.
func (e *engine) run(ctx context.Context, image string) (id string, err error) {
	e.made++
	made, err := e.api.ContainerCreate(ctx, client.ContainerCreateOptions{
		Name: fmt.Sprintf("davit-bench-%d-%d", os.Getpid(), e.made), Config: &container.Config{Image: image},
		HostConfig: &container.HostConfig{NetworkMode: container.NetworkMode(e.network)},
	})
	if err != nil {
		return "", err
	}
	if _, err := e.api.ContainerStart(ctx, made.ID, client.ContainerStartOptions{}); err != nil {
		return made.ID, err
	}
	found, err := e.api.ContainerInspect(ctx, made.ID, client.ContainerInspectOptions{})
	if err != nil {
		return made.ID, err
	}
	for _, n := range found.Container.NetworkSettings.Networks {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		return made.ID, runner.WaitHealthy(ctx, runner.Pace{}, func(ctx context.Context) error {
			return runner.Probe(ctx, runner.Check{Path: "/"}, netip.AddrPortFrom(n.IPAddress, appPort))
		})
	}
	return made.ID, errors.New("the container has no address")
}

// remove removes a container, whatever it does.
func (e *engine) remove(ctx context.Context, id string) error {
	_, err := e.api.ContainerRemove(context.WithoutCancel(ctx), id, client.ContainerRemoveOptions{Force: true})
	return err
}

// dockerRun is what a person types: docker run -d, and curl until it answers.
func dockerRun(ctx context.Context, image, addr string) (id string, err error) {
	out, err := exec.CommandContext(ctx, "docker", "run", "-d", "-p", fmt.Sprintf("%s:%d", addr, appPort), image).Output()
	if err != nil {
		return "", fmt.Errorf("docker run: %w", err)
	}
	id = strings.TrimSpace(string(out))
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		err := exec.CommandContext(ctx, "curl", "--silent", "--fail", "--output", os.DevNull, "http://"+addr+"/").Run()
		if err == nil || ctx.Err() != nil {
			return id, err
		}
	}
}
