package docker

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/davitdev/davit/runner"
)

// EnsureNetwork returns our network of that name, making a bridge for it if
// there is none.
func (e *Engine) EnsureNetwork(ctx context.Context, name string) (runner.Network, error) {
	ctx, cancel := e.answered(ctx, 0)
	defer cancel()
	s, err := e.connect(ctx)
	if err != nil {
		return runner.Network{}, err
	}
	if !runner.ValidName(name) {
		return runner.Network{}, fmt.Errorf("%w: network %q", runner.ErrSpec, name)
	}
	// Old engines allow two networks of one name. Ours are made one after the
	// other; another process of this installation chooses the same free subnet,
	// and the engine gives it only once.
	select {
	case e.networks <- struct{}{}:
	case <-ctx.Done():
		return runner.Network{}, classify(ctx, "create network", ctx.Err())
	}
	defer func() { <-e.networks }()

	taken, err := hostSubnets()
	if err != nil {
		return runner.Network{}, err
	}
	for {
		all, err := s.api.NetworkList(ctx, client.NetworkListOptions{})
		if err != nil {
			return runner.Network{}, e.fail(ctx, "networks", err)
		}
		for _, n := range all.Items {
			switch {
			case n.Name == name && n.Labels[labelInstallation] == e.opts.Installation:
				return describeNetwork(s, n.Network), nil
			case n.Name == name:
				return runner.Network{}, fmt.Errorf("%w: network %s", runner.ErrNameTaken, name)
			}
			for _, c := range n.IPAM.Config {
				taken = append(taken, c.Subnet)
			}
		}
		subnet, ok := freeSubnet(e.opts.Subnets, e.opts.SubnetBits, taken)
		if !ok {
			return runner.Network{}, fmt.Errorf("%w: %s", runner.ErrNetworkRange, e.opts.Subnets)
		}
		err = e.createNetwork(ctx, s, name, subnet)
		if err != nil && !isConflict(err) {
			return runner.Network{}, e.fail(ctx, "create network", err)
		}
		if err != nil {
			taken = append(taken, subnet) // by somebody we cannot see, or just now
		}
	}
}

func (e *Engine) createNetwork(ctx context.Context, s *session, name string, subnet netip.Prefix) error {
	_, err := s.api.NetworkCreate(ctx, name, client.NetworkCreateOptions{
		Driver: "bridge",
		IPAM:   &network.IPAM{Driver: "default", Config: []network.IPAMConfig{{Subnet: subnet, Gateway: subnet.Addr().Next()}}},
		Labels: map[string]string{labelInstallation: e.opts.Installation, labelName: name},
	})
	return err
}

// isConflict reports whether a name or a subnet was taken meanwhile.
func isConflict(err error) bool {
	return errdefs.IsConflict(err) || strings.Contains(err.Error(), "overlap")
}

// network returns our network of that name, or ErrNetworkNotFound. Containers
// join it by ID, because a name may be somebody else's, or "host".
func (e *Engine) network(ctx context.Context, s *session, name string) (network.Network, error) {
	all, err := e.ourNetworks(ctx, s)
	if err != nil {
		return network.Network{}, err
	}
	for _, n := range all {
		if n.Name == name {
			return n, nil
		}
	}
	return network.Network{}, fmt.Errorf("%w: %s", runner.ErrNetworkNotFound, name)
}

func (e *Engine) ourNetworks(ctx context.Context, s *session) ([]network.Network, error) {
	res, err := s.api.NetworkList(ctx, client.NetworkListOptions{Filters: e.ours()})
	if err != nil {
		return nil, e.fail(ctx, "networks", err)
	}
	list := make([]network.Network, 0, len(res.Items))
	for _, n := range res.Items {
		list = append(list, n.Network)
	}
	return list, nil
}

// Networks lists ours.
func (e *Engine) Networks(ctx context.Context) ([]runner.Network, error) {
	ctx, cancel := e.answered(ctx, 0)
	defer cancel()
	s, err := e.connect(ctx)
	if err != nil {
		return nil, err
	}
	all, err := e.ourNetworks(ctx, s)
	if err != nil {
		return nil, err
	}
	list := make([]runner.Network, 0, len(all))
	for _, n := range all {
		list = append(list, describeNetwork(s, n))
	}
	return list, nil
}

// RemoveNetwork deletes our network of that name.
func (e *Engine) RemoveNetwork(ctx context.Context, name string) error {
	ctx, cancel := e.answered(ctx, 0)
	defer cancel()
	s, err := e.connect(ctx)
	if err != nil {
		return err
	}
	n, err := e.network(ctx, s, name)
	switch {
	case errors.Is(err, runner.ErrNetworkNotFound):
		return nil
	case err != nil:
		return err
	}
	// The engine itself lets a network go that stopped containers need.
	users, err := s.api.ContainerList(ctx, client.ContainerListOptions{
		All: true, Limit: 1, Filters: e.ours().Add("label", labelNetwork+"="+name),
	})
	switch {
	case err != nil:
		return e.fail(ctx, "list", err)
	case len(users.Items) > 0:
		return fmt.Errorf("%w: network %s", runner.ErrInUse, name)
	}
	_, err = s.api.NetworkRemove(ctx, n.ID, client.NetworkRemoveOptions{})
	switch {
	case err == nil, gone(err):
		return nil
	case errdefs.IsPermissionDenied(err), errdefs.IsConflict(err): // by one that joined just now
		return fmt.Errorf("%w: network %s: %w", runner.ErrInUse, name, err)
	}
	return e.fail(ctx, "remove network", err)
}

// describeNetwork leaves the gateway out where it is not this host.
func describeNetwork(s *session, n network.Network) runner.Network {
	d := runner.Network{Name: n.Name}
	if !s.publish && len(n.IPAM.Config) > 0 {
		d.Gateway = n.IPAM.Config[0].Gateway
	}
	return d
}
