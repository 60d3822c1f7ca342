package docker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/davitdev/davit/runner"
)

// Create makes the container, or adopts the one that is there.
func (e *Engine) Create(ctx context.Context, spec runner.Spec) (runner.Container, error) {
	ctx, cancel := e.answered(ctx, 0)
	defer cancel()
	if err := spec.Validate(); err != nil {
		return runner.Container{}, err
	}
	s, err := e.connect(ctx)
	if err != nil {
		return runner.Container{}, err
	}
	options, account, err := e.createOptions(ctx, s, spec)
	if err != nil {
		return runner.Container{}, err
	}
	// The engine reserves a name before its container can be inspected, and
	// keeps it while it removes one; so a conflict may have nobody to show.
	again := time.NewTimer(0)
	defer again.Stop()
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		select {
		case <-ctx.Done():
			return runner.Container{}, classify(ctx, "create "+spec.Name, ctx.Err())
		case <-again.C:
		}
		made, err := s.api.ContainerCreate(ctx, options)
		switch {
		case err == nil:
			c := runner.Container{
				Name: spec.Name, ID: made.ID, ReplicaID: spec.ReplicaID, Epoch: spec.Epoch,
				SpecHash: spec.Hash(), State: runner.Created,
			}
			if err := e.putFiles(ctx, s, made.ID, account, spec.Files); !gone(err) {
				return c, err
			}
			again.Reset(pause) // somebody removed it
			continue
		case !errdefs.IsConflict(err):
			return runner.Container{}, e.createError(ctx, err)
		}
		c, there, err := e.settle(ctx, s, spec)
		if there || err != nil {
			return c, err
		}
		again.Reset(pause)
	}
}

// settle looks at who has the name of spec. It returns the container to keep,
// or removes one that must go and reports that nobody is there.
func (e *Engine) settle(ctx context.Context, s *session, spec runner.Spec) (_ runner.Container, there bool, _ error) {
	c, err := e.find(ctx, s, spec.Name)
	if errors.Is(err, runner.ErrNotFound) {
		return runner.Container{}, false, e.taken(ctx, s, spec.Name)
	}
	if err != nil {
		return runner.Container{}, false, err
	}
	if c.State.Status == "removing" || c.State.Dead {
		return runner.Container{}, false, e.remove(ctx, s, c.ID)
	}
	d := e.describe(c)
	switch {
	case d.SpecHash == spec.Hash() && d.State == runner.Created:
		// Whoever made it may have been killed before the files were there.
		err := e.putFiles(ctx, s, c.ID, c.Config.User, spec.Files)
		return d, !gone(err), ignoreGone(err)
	case d.SpecHash == spec.Hash():
		return d, true, nil
	case spec.Epoch != 0 && d.Epoch > spec.Epoch:
		return runner.Container{}, false, fmt.Errorf("%w: %s has epoch %d, not %d", runner.ErrStale, spec.Name, d.Epoch, spec.Epoch)
	}
	return runner.Container{}, false, e.remove(ctx, s, c.ID)
}

// taken fails with ErrNameTaken if a stranger has the name.
func (e *Engine) taken(ctx context.Context, s *session, name string) error {
	res, err := s.api.ContainerInspect(ctx, name, client.ContainerInspectOptions{})
	switch {
	case gone(err): // about to appear, or just gone
		return nil
	case err != nil:
		return e.fail(ctx, "inspect", err)
	case res.Container.Name == "/"+name && res.Container.Config != nil && !e.owns(name, res.Container.Config.Labels):
		return fmt.Errorf("%w: container %s", runner.ErrNameTaken, name)
	}
	return nil
}

// createOptions is the whole request, from spec and what its image and network
// turn out to be, and the account that the image runs as.
func (e *Engine) createOptions(ctx context.Context, s *session, spec runner.Spec) (_ client.ContainerCreateOptions, account string, _ error) {
	img, err := e.image(ctx, s, spec.Image)
	if err != nil {
		return client.ContainerCreateOptions{}, "", err
	}
	if len(img.Cmd) == 0 && len(spec.Command) == 0 {
		return client.ContainerCreateOptions{}, "", fmt.Errorf("%w: it has no command to start", runner.ErrImageUnsupported)
	}
	n, err := e.network(ctx, s, spec.Network)
	if err != nil {
		return client.ContainerCreateOptions{}, "", err
	}
	config := &container.Config{
		Image:      img.ID,
		Env:        environment(spec),
		Entrypoint: spec.Command, // replaces the image's command as well
		Labels: map[string]string{
			labelInstallation: e.opts.Installation,
			labelName:         spec.Name,
			labelReplica:      spec.ReplicaID,
			labelEpoch:        strconv.FormatInt(spec.Epoch, 10),
			labelSpec:         spec.Hash(),
			labelPort:         strconv.Itoa(spec.Port),
			labelNetwork:      spec.Network,
		},
		// Davit probes from outside; the image's own check would only cost.
		Healthcheck: &container.HealthConfig{Test: []string{"NONE"}},
	}
	if s.publish && spec.Port != 0 {
		config.ExposedPorts = network.PortSet{tcpPort(spec.Port): {}}
	}
	return client.ContainerCreateOptions{
		Name:       spec.Name,
		Config:     config,
		HostConfig: e.hostConfig(s, spec, n.ID, img.User),
	}, img.User, nil
}

// environment is the variables in a fixed order. PORT is always ours: what the
// runner dials is where the application must listen.
func environment(spec runner.Spec) []string {
	env := make([]string, 0, len(spec.Env)+1)
	for k, v := range spec.Env {
		if k != "PORT" || spec.Port == 0 {
			env = append(env, k+"="+v)
		}
	}
	if spec.Port != 0 {
		env = append(env, "PORT="+strconv.Itoa(spec.Port))
	}
	slices.Sort(env)
	return env
}

// createError tells apart what can be deleted after it was looked up.
func (e *Engine) createError(ctx context.Context, err error) error {
	if gone(err) {
		return fmt.Errorf("docker create: %w: %w", runner.ErrImageNotFound, err)
	}
	return e.fail(ctx, "create", err)
}
