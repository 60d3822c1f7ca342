package worker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/proxy"
	"github.com/davitdev/davit/runner"
)

// dnsPort is where the name server of an environment answers.
const dnsPort = 53

// NameServerProblem says why the name server of an environment cannot listen.
type NameServerProblem struct {
	EnvironmentID string
	Message       string // of the operating system, with the address
}

// Listen makes sure that the proxy knows of a network's name server before
// something in the network asks it. A new network changes no row, so the table
// gets a new version here.
func (r *Router) Listen(ctx context.Context, n runner.Network) error {
	r.mu.Lock()
	known := !n.Gateway.IsValid() || r.listening[n.Gateway] && slices.Contains(r.networks, n)
	if !known {
		r.asked++
	}
	r.mu.Unlock()
	if known {
		return nil
	}
	if err := r.Deploy.ChangeRoutes(ctx); err != nil {
		return err
	}
	stale := false
	for range 2 { // a newer table may be in force, of which its pusher is just about to learn who listens
		if err := r.Sync(ctx); err != nil {
			return err
		}
		r.mu.Lock()
		listens := r.listening[n.Gateway]
		stale = r.stale
		r.mu.Unlock()
		if listens {
			return nil
		}
	}
	if stale {
		return fmt.Errorf("listen in network %s: %w", n.Name, runner.ErrUnavailable)
	}
	return nil
}

// networkLoop compares the networks now and then, beside the pushes: those do
// not wait for an engine that hangs.
func (r *Router) networkLoop(ctx context.Context) error {
	tick := time.NewTicker(compareEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := r.compareNetworks(ctx); err != nil && ctx.Err() == nil {
				r.Log.WarnContext(ctx, "networks are looked up later", "err", err)
			}
		}
	}
}

// compareNetworks looks whether the engine has other networks than those of the
// table pushed last, unless it was asked for them. A table of the same version
// could not replace that, so there is a new one, which is then pushed.
func (r *Router) compareNetworks(ctx context.Context) error {
	r.mu.Lock()
	stale := r.stale
	r.mu.Unlock()
	if !stale {
		return nil
	}
	networks, fresh, err := r.listNetworks(ctx)
	if err != nil || !fresh {
		return err
	}
	r.mu.Lock()
	same := slices.Equal(networks, r.told)
	r.stale = r.stale && !same
	r.mu.Unlock()
	if same {
		return nil
	}
	return r.Deploy.ChangeRoutes(ctx)
}

// zones makes a name server for each environment that has a network, and says
// whose each is.
func zones(names []deploy.Name, networks []runner.Network) ([]proxy.Zone, map[netip.Addr]string) {
	byName, owners := make(map[string]int, len(networks)), make(map[netip.Addr]string, len(networks))
	var out []proxy.Zone
	for _, n := range networks {
		if n.Gateway.IsValid() {
			byName[n.Name] = len(out)
			owners[n.Gateway], _ = deploy.EnvironmentOf(n.Name)
			out = append(out, proxy.Zone{Listen: netip.AddrPortFrom(n.Gateway, dnsPort), Names: map[string][]netip.Addr{}})
		}
	}
	for _, name := range names {
		i, ok := byName[deploy.NetworkName(name.EnvironmentID)]
		if !ok {
			continue
		}
		addrs := []netip.Addr{}
		for _, a := range name.Addrs {
			if addr, err := netip.ParseAddrPort(a); err == nil {
				addrs = append(addrs, addr.Addr())
			}
		}
		out[i].Names[name.Name] = addrs
	}
	return out, owners
}

// listTime is how long routes wait for an engine that has told its networks
// before.
const listTime = 5 * time.Second

// listNetworks lists the engine's networks, or those it had when it answered
// last, which are not fresh: requests go on, and so must their routes.
func (r *Router) listNetworks(ctx context.Context) (networks []runner.Network, fresh bool, err error) {
	r.mu.Lock()
	known, asked := r.networks, r.asked
	r.mu.Unlock()
	asking, cancel := ctx, func() {}
	if known != nil {
		asking, cancel = context.WithTimeoutCause(ctx, listTime, runner.ErrUnavailable)
	}
	defer cancel()
	networks, err = r.Runner.Networks(asking)
	r.mu.Lock()
	defer r.mu.Unlock()
	away := errors.Is(err, runner.ErrUnavailable) || errors.Is(context.Cause(asking), runner.ErrUnavailable)
	switch {
	case err == nil:
		networks = append([]runner.Network{}, networks...)
		slices.SortFunc(networks, func(a, b runner.Network) int { return strings.Compare(a.Name, b.Name) })
		if asked >= r.answered { // else others asked later than this
			r.networks, r.answered = networks, asked
		}
		return networks, true, nil
	case away && known != nil:
		return known, false, nil
	default:
		return nil, false, fmt.Errorf("list networks: %w", err)
	}
}

// NameServers are what the containers of an environment ask for names: ours,
// which answers for the environment and asks the host's for all else.
func (r *Router) NameServers(n runner.Network) []netip.Addr {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.listening[n.Gateway] || r.problems[n.Gateway].Message != "" {
		return nil // nobody listens: the engine's
	}
	return []netip.Addr{n.Gateway}
}

// Problems lists the name servers that cannot listen, by environment.
func (r *Router) Problems() []NameServerProblem {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.SortedFunc(maps.Values(r.problems), func(a, b NameServerProblem) int {
		return strings.Compare(a.EnvironmentID, b.EnvironmentID)
	})
}
