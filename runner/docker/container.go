package docker

import (
	"context"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

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
	ctx, cancel := e.answered(ctx, 0)
	defer cancel()
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
	d := e.describe(c)
	d.Outlived = s.outlived(d)
	return d, nil
}

// clearing is how long an engine that begins may take to end what the one before
// left running, before it makes its network.
const clearing = 30 * time.Second

// outlived reports whether an engine before this one started c and did not see it
// end, as far as the times say.
func (s *session) outlived(c runner.Container) bool {
	return !c.StartedAt.IsZero() && c.StartedAt.Before(s.since) &&
		(c.EndedAt.IsZero() || c.EndedAt.After(s.since.Add(-clearing)))
}

// List returns our containers, in no order. It is one question, whatever their
// number.
func (e *Engine) List(ctx context.Context) ([]runner.Container, error) {
	ctx, cancel := e.answered(ctx, 0)
	defer cancel()
	s, err := e.connect(ctx)
	if err != nil {
		return nil, err
	}
	res, err := s.api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: e.ours()})
	if err != nil {
		return nil, e.fail(ctx, "list", err)
	}
	var list []runner.Container
	for _, c := range res.Items {
		name := c.Labels[labelName]
		if !slices.Contains(c.Names, "/"+name) || !e.owns(name, c.Labels) {
			continue // only labelled like ours
		}
		d := labelled(name, c.ID, c.Labels, c.State)
		if d.State == runner.Running && c.NetworkSettings != nil {
			var published []netip.AddrPort
			for _, p := range c.Ports {
				published = append(published, netip.AddrPortFrom(p.IP, p.PublicPort))
			}
			d.Addr = address(c.Labels, published, c.NetworkSettings.Networks)
		}
		list = append(list, d)
	}
	return list, nil
}

// labelled is what both answers of the engine say about a container of ours.
func labelled(name, id string, labels map[string]string, state container.ContainerState) runner.Container {
	epoch, _ := strconv.ParseInt(labels[labelEpoch], 10, 64)
	d := runner.Container{Name: name, ID: id, ReplicaID: labels[labelReplica], Epoch: epoch, SpecHash: labels[labelSpec]}
	switch state {
	case container.StateCreated:
		d.State = runner.Created
	case container.StateRunning, container.StatePaused, container.StateRestarting:
		d.State = runner.Running
	case container.StateExited, container.StateRemoving, container.StateDead:
		d.State = runner.Exited
	}
	return d
}

// describe translates what the engine says about a container of ours.
func (e *Engine) describe(c container.InspectResponse) runner.Container {
	d := labelled(strings.TrimPrefix(c.Name, "/"), c.ID, c.Config.Labels, c.State.Status)
	d.StartedAt = when(c.State.StartedAt)
	switch {
	case d.State == runner.Running && c.NetworkSettings != nil:
		var published []netip.AddrPort
		for _, bindings := range c.NetworkSettings.Ports {
			for _, b := range bindings {
				if host, err := strconv.ParseUint(b.HostPort, 10, 16); err == nil {
					published = append(published, netip.AddrPortFrom(b.HostIP, uint16(host)))
				}
			}
		}
		d.Addr = address(c.Config.Labels, published, c.NetworkSettings.Networks)
	case d.State == runner.Exited:
		d.ExitCode = c.State.ExitCode
		_, oom := e.oom.noted(c.ID)
		d.OOMKilled = c.State.OOMKilled || oom
		d.EndedAt = when(c.State.FinishedAt)
		if d.EndedAt.Before(d.StartedAt) { // 20.10 writes the start down late
			d.EndedAt = d.StartedAt
		}
	}
	return d
}

// address returns where the application of a running container is dialled.
func address(labels map[string]string, published []netip.AddrPort, networks map[string]*network.EndpointSettings) netip.AddrPort {
	port, err := strconv.ParseUint(labels[labelPort], 10, 16)
	if err != nil || port == 0 {
		return netip.AddrPort{}
	}
	for _, p := range published { // only a published container has any
		if p.Port() != 0 && p.Addr().IsLoopback() {
			return p
		}
	}
	for _, n := range networks { // it has one
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
