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

	"github.com/containerd/errdefs"
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
	id, err = e.start(ctx, image, nil, container.NetworkMode(e.network))
	if err != nil {
		return id, err
	}
	addr, err := e.address(ctx, id)
	if err != nil {
		return id, err
	}
	return id, answers(ctx, addr)
}

// answers returns when the test application at addr does.
func answers(ctx context.Context, addr netip.Addr) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return runner.WaitHealthy(ctx, runner.Pace{}, func(ctx context.Context) error {
		return runner.Probe(ctx, runner.Check{Path: "/"}, netip.AddrPortFrom(addr, appPort))
	})
}

// starting is a subject that starts one container until it answers, and
// removes it afterwards.
func (e *engine) starting(name string, start func(context.Context) (id string, err error)) subject {
	var running string
	return subject{
		name: name,
		op: func(ctx context.Context) ([]time.Duration, error) {
			began := time.Now()
			id, err := start(ctx)
			took := time.Since(began)
			running = id
			if err != nil && id != "" {
				err = errors.Join(err, e.remove(ctx, id))
			}
			return []time.Duration{took}, err
		},
		after: func(ctx context.Context) error { return e.remove(ctx, running) },
	}
}

// remove removes a container, whatever it does.
func (e *engine) remove(ctx context.Context, id string) error {
	_, err := e.api.ContainerRemove(context.WithoutCancel(ctx), id, client.ContainerRemoveOptions{Force: true})
	return err
}

// removeImages removes the images with a label. One that a container runs stays.
func (e *engine) removeImages(ctx context.Context, label string) error {
	ctx = context.WithoutCancel(ctx)
	list, err := e.api.ImageList(ctx, client.ImageListOptions{All: true, Filters: make(client.Filters).Add("label", label)})
	if err != nil {
		return err
	}
	var errs []error
	for _, i := range list.Items {
		if _, err := e.api.ImageRemove(ctx, i.ID, client.ImageRemoveOptions{Force: true, PruneChildren: true}); !errdefs.IsNotFound(err) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// dockerRunAt is docker run -d at an address of our bridge, which needs no port
// of the host and nobody to ask where the container is.
func (e *engine) dockerRunAt(ctx context.Context, image string) (id, addr string, err error) {
	e.made++
	ip := fmt.Sprintf("10.200.255.%d", 64+e.made%60) // the engine begins to hand out from below
	out, err := exec.CommandContext(ctx, "docker", "run", "-d", "--network", e.network, "--ip", ip, image).Output()
	if err != nil {
		return "", "", fmt.Errorf("docker run: %w", err)
	}
	return strings.TrimSpace(string(out)), fmt.Sprintf("%s:%d", ip, appPort), nil
}

// lookPaths fails with what of some programs is missing.
func lookPaths(programs ...string) error {
	var errs []error
	for _, name := range programs {
		_, err := exec.LookPath(name)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
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
