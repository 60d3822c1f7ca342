package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// sandboxed is a container that starts in the network of another one, which runs
// already: what networks made in advance would save at most. Davit makes none, and
// docs/decisions/0039-sandbox.md says why.
func (e *engine) sandboxed(ctx context.Context, image string) (s subject, end func() error, err error) {
	var sandbox string
	var addr netip.Addr
	prepare := func(ctx context.Context) (err error) {
		sandbox, addr, err = e.sandbox(ctx, image)
		return err
	}
	if err := prepare(ctx); err != nil {
		return s, nil, err
	}
	s = e.starting("Engine API: create + start + 200 in a network made in advance", func(ctx context.Context) (string, error) {
		id, err := e.start(ctx, image, nil, container.NetworkMode("container:"+sandbox))
		if err == nil {
			err = answers(ctx, addr)
		}
		return id, err
	})
	after := s.after
	s.after = func(ctx context.Context) error { return errors.Join(after(ctx), e.remove(ctx, sandbox), prepare(ctx)) }
	return s, func() error { return e.remove(ctx, sandbox) }, nil
}

// sandbox starts a container that does nothing, and returns its address.
func (e *engine) sandbox(ctx context.Context, image string) (id string, addr netip.Addr, err error) {
	id, err = e.start(ctx, image, []string{"APP_LISTEN=none"}, container.NetworkMode(e.network))
	if err == nil {
		addr, err = e.address(ctx, id)
	}
	if err != nil && id != "" {
		err = errors.Join(err, e.remove(ctx, id))
	}
	return id, addr, err
}

// start creates and starts a container.
func (e *engine) start(ctx context.Context, image string, env []string, network container.NetworkMode) (id string, err error) {
	e.made++
	made, err := e.api.ContainerCreate(ctx, client.ContainerCreateOptions{
		Name: fmt.Sprintf("davit-bench-%d-%d", os.Getpid(), e.made), Config: &container.Config{Image: image, Env: env},
		HostConfig: &container.HostConfig{NetworkMode: network},
	})
	if err != nil {
		return "", err
	}
	_, err = e.api.ContainerStart(ctx, made.ID, client.ContainerStartOptions{})
	return made.ID, err
}

// address is where a container is in its only network.
func (e *engine) address(ctx context.Context, id string) (addr netip.Addr, err error) {
	found, err := e.api.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	if err != nil {
		return addr, err
	}
	for _, n := range found.Container.NetworkSettings.Networks {
		return n.IPAddress, nil
	}
	return addr, errors.New("the container has no address")
}
