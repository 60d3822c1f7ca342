package docker

import (
	"context"
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"

	"github.com/davitdev/davit/runner"
)

// The labels. An image that was built here carries the first one too, and
// containers inherit the labels of their image: so what makes a container ours
// is its own name in labelName.
const (
	labelInstallation = "davit.installation"
	labelName         = "davit.name"
	labelReplica      = "davit.replica"
	labelEpoch        = "davit.epoch"
	labelSpec         = "davit.spec"
	labelPort         = "davit.port"
	labelNetwork      = "davit.network"
	labelInstance     = "davit.instance"   // of an image that was built
	labelDeployment   = "davit.deployment" // likewise
)

// listers is how many containers List inspects at once.
const listers = 8

// owns reports whether the container name is one of ours.
func (e *Engine) owns(name string, labels map[string]string) bool {
	return labels[labelInstallation] == e.opts.Installation && labels[labelName] == strings.TrimPrefix(name, "/")
}

// ours is the filter for containers of this installation.
func (e *Engine) ours() client.Filters {
	return make(client.Filters).Add("label", labelInstallation+"="+e.opts.Installation, labelName)
}

// find inspects one of our containers. What is not ours is ErrNotFound. The
// calls that follow use the ID it returns: a name may meanwhile be another's.
func (e *Engine) find(ctx context.Context, s *session, name string) (container.InspectResponse, error) {
	if !runner.ValidName(name) {
		return container.InspectResponse{}, runner.ErrNotFound
	}
	res, err := s.api.ContainerInspect(ctx, name, client.ContainerInspectOptions{})
	switch {
	case gone(err):
		return container.InspectResponse{}, runner.ErrNotFound
	case err != nil:
		return container.InspectResponse{}, e.fail(ctx, "inspect", err)
	}
	// The engine also finds containers by the beginning of their ID.
	if c := res.Container; c.Name == "/"+name && c.Config != nil && c.State != nil && e.owns(c.Name, c.Config.Labels) {
		return c, nil
	}
	return container.InspectResponse{}, runner.ErrNotFound
}

// Inspect returns the container's present state.
func (e *Engine) Inspect(ctx context.Context, name string) (runner.Container, error) {
	s, err := e.connect(ctx)
	if err != nil {
		return runner.Container{}, err
	}
	c, err := e.find(ctx, s, name)
	if err != nil {
		return runner.Container{}, err
	}
	return e.describe(c), nil
}

// List returns our containers, in no order.
func (e *Engine) List(ctx context.Context) ([]runner.Container, error) {
	s, err := e.connect(ctx)
	if err != nil {
		return nil, err
	}
	res, err := s.api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: e.ours()})
	if err != nil {
		return nil, e.fail(ctx, "list", err)
	}
	// A summary lacks the exit code and the times.
	found := make([]*runner.Container, len(res.Items))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(listers)
	for i, item := range res.Items {
		g.Go(func() error {
			c, err := e.find(gctx, s, item.Labels[labelName])
			switch {
			case errors.Is(err, runner.ErrNotFound): // removed since, or only labelled like ours
				return nil
			case err != nil:
				return err
			}
			d := e.describe(c)
			found[i] = &d
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var list []runner.Container
	for _, c := range found {
		if c != nil {
			list = append(list, *c)
		}
	}
	return list, nil
}

// describe translates what the engine says about a container of ours.
func (e *Engine) describe(c container.InspectResponse) runner.Container {
	epoch, _ := strconv.ParseInt(c.Config.Labels[labelEpoch], 10, 64)
	d := runner.Container{
		Name:      strings.TrimPrefix(c.Name, "/"),
		ID:        c.ID,
		ReplicaID: c.Config.Labels[labelReplica],
		Epoch:     epoch,
		SpecHash:  c.Config.Labels[labelSpec],
		StartedAt: when(c.State.StartedAt),
	}
	switch c.State.Status {
	case container.StateCreated:
		d.State = runner.Created
	case container.StateRunning, container.StatePaused, container.StateRestarting:
		d.State = runner.Running
		d.Addr = address(c)
	case container.StateExited, container.StateRemoving, container.StateDead:
		d.State = runner.Exited
		d.ExitCode = c.State.ExitCode
		d.OOMKilled = c.State.OOMKilled || e.oom.noted(c.ID)
		d.EndedAt = when(c.State.FinishedAt)
		if d.EndedAt.Before(d.StartedAt) { // 20.10 writes the start down late
			d.EndedAt = d.StartedAt
		}
	}
	return d
}

// address returns where the application of a running container is dialled.
func address(c container.InspectResponse) netip.AddrPort {
	port, err := strconv.ParseUint(c.Config.Labels[labelPort], 10, 16)
	if err != nil || port == 0 || c.NetworkSettings == nil {
		return netip.AddrPort{}
	}
	for _, bindings := range c.NetworkSettings.Ports {
		for _, b := range bindings { // only a published container has any
			if host, err := strconv.ParseUint(b.HostPort, 10, 16); err == nil && b.HostIP.IsLoopback() {
				return netip.AddrPortFrom(b.HostIP, uint16(host))
			}
		}
	}
	for _, n := range c.NetworkSettings.Networks { // it has one
		if n != nil && n.IPAddress.IsValid() {
			return netip.AddrPortFrom(n.IPAddress, uint16(port))
		}
	}
	return netip.AddrPort{}
}

// when reads the engine's times; it writes year 1 for "never".
func when(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.Year() < 2000 {
		return time.Time{}
	}
	return t
}
