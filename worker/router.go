package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/proxy"
	"github.com/davitdev/davit/internal/wake"
	"github.com/davitdev/davit/runner"
)

// dnsPort is where the name server of an environment answers.
const dnsPort = 53

// Router brings what the rows say about routes to the proxy. All exported
// fields are required.
type Router struct {
	Deploy       *deploy.Service
	Proxy        func(context.Context) (*proxy.Client, error) // adopts or starts one
	Runner       runner.Runner
	Wakes        wake.Subscriber
	Installation string
	BaseDomain   string
	Sites        string // directory of the store of static sites
	Log          *slog.Logger

	mu        sync.Mutex
	problems  map[netip.Addr]NameServerProblem
	listening map[netip.Addr]bool // name servers of the table pushed last
	networks  []runner.Network    // as the engine said last; nil: not yet

	ensuring sync.Mutex // held while a proxy may be started: one is enough
}

// ensure finds the proxy or starts one.
func (r *Router) ensure(ctx context.Context) (*proxy.Client, error) {
	r.ensuring.Lock()
	defer r.ensuring.Unlock()
	return r.Proxy(ctx)
}

// watch returns a channel that is closed when the proxy ends, nil if that
// cannot be told.
func (r *Router) watch(ctx context.Context) <-chan struct{} {
	client, err := r.ensure(ctx)
	if err != nil {
		return nil
	}
	gone, err := client.Gone(ctx)
	if err != nil {
		return nil
	}
	return gone
}

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
	known := !n.Gateway.IsValid() || r.listening[n.Gateway]
	r.mu.Unlock()
	if known {
		return nil
	}
	if err := r.Deploy.ChangeRoutes(ctx); err != nil {
		return err
	}
	return r.Sync(ctx)
}

// Run pushes the table whenever it changes, at once to a proxy in place of one
// that was killed, and now and then in case a wake was lost.
func (r *Router) Run(ctx context.Context) error {
	changed := r.Wakes.Subscribe(ctx, deploy.RoutesTopic)
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	var gone <-chan struct{}
	for {
		if gone == nil {
			gone = r.watch(ctx)
		}
		if err := r.Sync(ctx); err != nil && ctx.Err() == nil {
			r.Log.WarnContext(ctx, "routes are pushed later", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-gone:
			gone = nil
		case <-tick.C:
		}
	}
}

// Sync returns once the proxy routes by what the rows say now.
func (r *Router) Sync(ctx context.Context) error {
	routes, err := r.Deploy.Routes(ctx)
	if err != nil {
		return err
	}
	client, err := r.ensure(ctx)
	if err != nil {
		return err
	}
	table, owners, err := r.table(ctx, routes)
	if err != nil {
		return err
	}
	ack, err := client.Push(ctx, table)
	if fault.Is(err, fault.VersionConflict) { // a newer one is in force; its pusher learned of its zones
		return nil
	}
	if err != nil {
		return fmt.Errorf("push routes: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.listening = make(map[netip.Addr]bool, len(table.Zones))
	for _, z := range table.Zones {
		r.listening[z.Listen.Addr()] = true
	}
	r.problems = make(map[netip.Addr]NameServerProblem, len(ack.Zones))
	for _, z := range ack.Zones {
		if addr, err := netip.ParseAddrPort(z.Listen); err == nil {
			r.problems[addr.Addr()] = NameServerProblem{owners[addr.Addr()], z.Message}
		}
	}
	return nil
}

// table writes the routes in the words of the proxy. It also returns whose each
// name server is.
func (r *Router) table(ctx context.Context, routes deploy.Routes) (proxy.Table, map[netip.Addr]string, error) {
	t := proxy.Table{Installation: r.Installation, Version: routes.Version + 1} // a new installation is at 0
	for _, route := range routes.List {
		to := proxy.Route{
			Host: route.Label + "." + r.BaseDomain, Path: route.Path,
			Instance: route.InstanceID, Deployment: route.DeploymentID, State: stateOf(route.Status),
		}
		if route.Bundle != "" {
			to.Bundle = &proxy.Bundle{Dir: r.Sites, ID: route.Bundle}
		}
		for _, target := range route.Targets {
			addr, err := netip.ParseAddrPort(target.Addr)
			if err != nil {
				return t, nil, fmt.Errorf("address of replica %s: %w", target.ReplicaID, err)
			}
			to.Targets = append(to.Targets, proxy.Target{Addr: addr, ReplicaID: target.ReplicaID})
		}
		t.Routes = append(t.Routes, to)
	}
	zones, owners, err := r.zones(ctx, routes.Names)
	t.Zones = zones
	return t, owners, err
}

// Bundles lists the static sites that the proxy serves now.
func (r *Router) Bundles(ctx context.Context) ([]string, error) {
	client, err := r.ensure(ctx)
	if err != nil {
		return nil, err
	}
	stats, err := client.Stats(ctx)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, route := range stats.Routes {
		if route.Bundle != "" {
			out = append(out, route.Bundle)
		}
	}
	return out, nil
}

// zones makes a name server for each environment that has a network, and says
// whose each is.
func (r *Router) zones(ctx context.Context, names []deploy.Name) ([]proxy.Zone, map[netip.Addr]string, error) {
	networks, err := r.listNetworks(ctx)
	if err != nil {
		return nil, nil, err
	}
	byName, owners := make(map[string]int, len(networks)), make(map[netip.Addr]string, len(networks))
	var out []proxy.Zone
	for _, n := range networks {
		if n.Gateway.IsValid() {
			byName[n.Name] = len(out)
			owners[n.Gateway] = environmentOf(n.Name)
			out = append(out, proxy.Zone{Listen: netip.AddrPortFrom(n.Gateway, dnsPort), Names: map[string][]netip.Addr{}})
		}
	}
	for _, name := range names {
		i, ok := byName[NetworkName(name.EnvironmentID)]
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
	return out, owners, nil
}

// listNetworks lists the engine's networks, or those it had when it answered
// last: requests go on, and so must their routes.
func (r *Router) listNetworks(ctx context.Context) ([]runner.Network, error) {
	networks, err := r.Runner.Networks(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err == nil:
		r.networks = append([]runner.Network{}, networks...)
	case errors.Is(err, runner.ErrUnavailable) && r.networks != nil:
		networks = r.networks
	default:
		return nil, fmt.Errorf("list networks: %w", err)
	}
	return networks, nil
}

func stateOf(s lifecycle.InstanceStatus) proxy.State {
	switch s {
	case lifecycle.InstanceStopped, lifecycle.InstanceDeleting:
		return proxy.Stopped
	case lifecycle.InstanceCrashed:
		return proxy.Crashed
	case lifecycle.InstanceDeploying, lifecycle.InstanceDegraded, lifecycle.InstanceRunning:
		return proxy.Starting
	default:
		return proxy.NotDeployed
	}
}

// NameServers are what the containers of an environment ask for names: ours,
// which answers for the environment and asks the host's for all else.
func (r *Router) NameServers(_ string, n runner.Network) []netip.Addr {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !n.Gateway.IsValid() || r.problems[n.Gateway].Message != "" {
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

// Drain waits until a replica that is out of service has no requests left, at
// most for d.
func (r *Router) Drain(ctx context.Context, replica *ent.Replica, d time.Duration) error {
	if err := r.Sync(ctx); err != nil {
		return err
	}
	client, err := r.ensure(ctx)
	if err != nil {
		return err
	}
	addr, err := netip.ParseAddrPort(*replica.Addr)
	if err != nil {
		return fmt.Errorf("address of replica: %w", err)
	}
	left, err := client.Drain(ctx, []proxy.Target{{Addr: addr, ReplicaID: replica.ID}}, d)
	if err == nil && left > 0 {
		r.Log.InfoContext(ctx, "requests did not end in time", "replica", replica.ID, "left", left)
	}
	return err
}
