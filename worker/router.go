package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/proxy"
	"github.com/davitdev/davit/internal/wake"
	"github.com/davitdev/davit/runner"
)

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
	asked     int                 // how often there was one that is not among them
	answered  int                 // what that was when the engine was asked for them
	told      []runner.Network    // those of the table pushed last
	stale     bool                // the engine was not asked for them
	met       bool                // a table of this process was in force
	client    *proxy.Client       // of a proxy that answered; nil: to be looked for

	ensuring sync.Mutex    // held while a proxy may be started: one is enough
	pushes   shared[int64] // by version of the rows
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

// compareEvery is how often what the engine and the proxy have is compared with
// what they should have.
const compareEvery = 5 * time.Second

// Run pushes the table whenever it changes, at once to a proxy in place of one
// that was killed, and now and then in case a wake was lost.
func (r *Router) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return r.pushLoop(ctx) })
	g.Go(func() error { return r.networkLoop(ctx) })
	return g.Wait()
}

func (r *Router) pushLoop(ctx context.Context) error {
	changed := r.Wakes.Subscribe(ctx, deploy.RoutesTopic)
	tick := time.NewTicker(compareEvery)
	defer tick.Stop()
	var gone <-chan struct{}
	settled := false // the proxy has been found to have the table already
	for {
		if gone == nil {
			gone = r.watch(ctx)
		}
		if !settled {
			if err := r.Sync(ctx); err != nil && ctx.Err() == nil {
				r.Log.WarnContext(ctx, "routes are pushed later", "err", err)
			}
		}
		settled = false
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-gone:
			gone = nil
		case <-tick.C:
			settled = r.settled(ctx)
		}
	}
}

// settled reports whether the table in force is that of the rows: one of the
// same version would change nothing, but be answered with the name servers that
// cannot listen by now.
func (r *Router) settled(ctx context.Context) bool {
	r.mu.Lock()
	client, problems := r.client, len(r.problems)
	r.mu.Unlock()
	if client == nil || problems > 0 {
		return false
	}
	hello, err := client.Hello(ctx)
	if err != nil || hello.Installation != r.Installation {
		return false
	}
	version, err := r.Deploy.RoutesVersion(ctx)
	return err == nil && hello.Table == tableVersion(version)
}

// tableVersion is the version in which the proxy gets the routes: theirs begins
// at 0, and that of a table at 1.
func tableVersion(routes int64) int64 { return routes + 1 }

// pushTime is what a push may take, whoever waits for it: the start of a proxy
// and the engine's networks come on top of a question to the proxy.
const pushTime = 30 * time.Second

// Sync returns once the proxy routes by what the rows say now. Those who want
// the same version at once share a push: what changes rows and whoever is woken
// by that.
func (r *Router) Sync(ctx context.Context) error {
	version, err := r.Deploy.RoutesVersion(ctx)
	if err != nil {
		return err
	}
	return r.pushes.do(ctx, version, func(ctx context.Context) error {
		ctx, cancel := within(ctx, pushTime, fault.New(fault.Unavailable, "The routes did not reach the proxy in time."))
		defer cancel()
		return cause(ctx, r.sync(ctx))
	})
}

// sync derives the table from the rows and pushes it. A switch waits for this:
// it is one question, to the proxy.
func (r *Router) sync(ctx context.Context) error {
	routes, err := r.Deploy.Routes(ctx)
	if err != nil {
		return err
	}
	r.mu.Lock()
	networks, fresh := r.networks, false
	if r.answered != r.asked {
		networks = nil
	}
	r.mu.Unlock()
	if networks == nil {
		if networks, fresh, err = r.listNetworks(ctx); err != nil {
			return err
		}
	}
	table, owners, err := r.table(routes, networks)
	if err != nil {
		return err
	}
	ack, err := r.push(ctx, table)
	if fault.Is(err, fault.VersionConflict) {
		raised, err := r.overtake(ctx, table.Version, ack.Version)
		if err != nil || !raised { // a newer one is in force; its pusher learned of its zones
			return err
		}
		return r.sync(ctx)
	}
	if err != nil {
		return fmt.Errorf("push routes: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.met, r.told, r.stale = true, networks, !fresh
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

// push hands a table to the proxy. One that answered before is not asked first
// who it is.
func (r *Router) push(ctx context.Context, t proxy.Table) (proxy.Ack, error) {
	r.mu.Lock()
	client := r.client
	r.mu.Unlock()
	if client != nil {
		ack, err := client.Push(ctx, t)
		if !fault.Is(err, fault.Unavailable) || errors.Is(err, context.DeadlineExceeded) {
			return ack, err
		}
	}
	client, err := r.ensure(ctx)
	if err != nil {
		return proxy.Ack{}, err
	}
	r.mu.Lock()
	r.client = client
	r.mu.Unlock()
	return client.Push(ctx, t)
}

// overtake raises the version of the rows if a table in force is of no row: of
// a version they have never had, or of the one they have and with routes that
// they did not have, which is told only of what a process before this one
// pushed. Rows put back from a backup are like that. It reports whether it did:
// then there is a table to push.
func (r *Router) overtake(ctx context.Context, pushed, inForce int64) (bool, error) {
	r.mu.Lock()
	met := r.met
	r.mu.Unlock()
	if !met && pushed == inForce {
		return true, r.Deploy.ChangeRoutes(ctx)
	}
	raised, err := r.Deploy.OvertakeRoutes(ctx, inForce-1)
	if raised {
		r.Log.WarnContext(ctx, "the rows are older than the routes in force, which are replaced", "version", inForce)
	}
	return raised, err
}

// table writes the routes in the words of the proxy. It also returns whose each
// name server is.
func (r *Router) table(routes deploy.Routes, networks []runner.Network) (proxy.Table, map[netip.Addr]string, error) {
	t := proxy.Table{Installation: r.Installation, Version: tableVersion(routes.Version)}
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
	zones, owners := zones(routes.Names, networks)
	t.Zones = zones
	return t, owners, nil
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

// Drain waits until a replica that is out of service has no requests left, at
// most for d. It asks again as long as nobody can tell: then there may be some,
// and who is asked at last has drainLeast of d to end them.
// The proxy in place of one that was killed knows of none, and ends the wait.
func (r *Router) Drain(ctx context.Context, replica *ent.Replica, d time.Duration) error {
	addr, err := netip.ParseAddrPort(*replica.Addr)
	if err != nil {
		return fmt.Errorf("address of replica: %w", err)
	}
	end := time.Now().Add(d)
	for again := drainAgain; ; again = min(2*again, drainSeldom) {
		err := r.drain(ctx, replica, addr, max(time.Until(end), min(d, drainLeast)))
		left := time.Until(end)
		if err == nil || ctx.Err() != nil || left < drainAgain {
			return err
		}
		if again == drainAgain { // not once for each of the times
			r.Log.InfoContext(ctx, "whether requests have ended is asked again", "replica", replica.ID, "err", err)
		}
		if err := pause(ctx, min(again, left)); err != nil {
			return err
		}
	}
}

// The pauses before a proxy is asked again begin with drainAgain, and each is
// twice the one before, up to drainSeldom.
const (
	drainAgain  = 100 * time.Millisecond
	drainSeldom = 2 * time.Second
	drainLeast  = 2 * time.Second
)

func (r *Router) drain(ctx context.Context, replica *ent.Replica, addr netip.AddrPort, d time.Duration) error {
	if err := r.Sync(ctx); err != nil {
		return err
	}
	client, err := r.ensure(ctx)
	if err != nil {
		return err
	}
	left, err := client.Drain(ctx, []proxy.Target{{Addr: addr, ReplicaID: replica.ID}}, d)
	if err == nil && left > 0 {
		r.Log.InfoContext(ctx, "requests did not end in time", "replica", replica.ID, "left", left)
	}
	return err
}
