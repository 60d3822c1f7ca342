package docker

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/moby/moby/client/pkg/versions"

	"github.com/davitdev/davit/runner"
)

// session is a connection to an engine that has answered, and what does not
// change while that engine runs. An engine that was away gets a new one,
// because what answers then may be of another version.
type session struct {
	api      *client.Client
	version  string
	platform string // "linux/amd64"
	root     string // "/var/lib/docker"
	storage  string // "overlay2"
	cpus     int
	init     bool // it has an init to put into containers
	publish  bool // container addresses cannot be reached from here
	limits   runner.Limits
	origin   bool      // it says where each image came from
	since    time.Time // when it began; zero if it does not say
}

func (e *Engine) newClient() (*client.Client, error) {
	host := client.FromEnv
	if e.opts.Host != "" {
		host = client.WithHost(e.opts.Host)
	}
	api, err := client.New(host)
	if err != nil {
		return nil, fmt.Errorf("docker: %w", err)
	}
	return api, nil
}

// connect returns the session, making one if the engine was away or nobody has
// asked yet.
func (e *Engine) connect(ctx context.Context) (*session, error) {
	ctx, cancel := e.answered(ctx, 0)
	defer cancel()
	var s *session
	select {
	case s = <-e.current:
	case <-ctx.Done():
		return nil, classify(ctx, "connect", ctx.Err())
	}
	defer func() { e.current <- s }()
	if s != nil {
		return s, nil
	}
	api, err := e.newClient()
	if err != nil {
		return nil, err
	}
	if _, err := api.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		return nil, classify(ctx, "ping", away{err})
	}
	made, err := e.ask(ctx, api)
	if err != nil {
		return nil, err
	}
	s = made
	return s, nil
}

// forget drops the session, so that the next call makes a new one.
func (e *Engine) forget() {
	select {
	case s := <-e.current:
		if s != nil {
			_ = s.api.Close() // gives idle connections back; the others go on
		}
		e.current <- nil
	default: // somebody is making a new one
	}
}

// fail turns an error of the client into one of the contract.
func (e *Engine) fail(ctx context.Context, doing string, err error) error {
	if isAway(err) || silent(ctx) {
		e.forget()
	}
	return classify(ctx, doing, err)
}

// ask gathers what a session knows.
func (e *Engine) ask(ctx context.Context, api *client.Client) (*session, error) {
	info, err := api.Info(ctx, client.InfoOptions{})
	if err != nil {
		return nil, e.fail(ctx, "info", err)
	}
	version, err := api.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return nil, e.fail(ctx, "version", err)
	}
	since, err := e.began(ctx, api)
	if err != nil {
		return nil, err
	}
	i := info.Info
	rootless := slices.ContainsFunc(i.SecurityOptions, func(s string) bool { return strings.Contains(s, "rootless") })
	return &session{
		api:      api,
		version:  version.Version,
		platform: version.Os + "/" + version.Arch,
		root:     i.DockerRootDir,
		storage:  i.Driver,
		cpus:     i.NCPU,
		init:     i.InitCommit.ID != "N/A", // what 20.10 says if the binary is missing
		publish: e.opts.PublishLoopback || rootless || runtime.GOOS != "linux" ||
			strings.Contains(i.OperatingSystem, "Docker Desktop"),
		// One that keeps images in containerd gives each a digest, also what came
		// from no registry.
		origin: slices.Contains(i.DriverStatus, [2]string{"driver-type", "io.containerd.snapshotter.v1"}) &&
			versions.GreaterThanOrEqualTo(api.ClientVersion(), "1.53"),
		limits: runner.Limits{Memory: i.MemoryLimit, CPU: i.CPUCfsQuota, Pids: i.PidsLimit},
		since:  since,
	}, nil
}

// began returns when the engine began. It does not say so itself, but makes its
// default network anew whenever it begins, unless it was told to have none, or
// to leave running what runs.
func (e *Engine) began(ctx context.Context, api *client.Client) (time.Time, error) {
	res, err := api.NetworkList(ctx, client.NetworkListOptions{Filters: client.Filters{}.Add("name", network.NetworkBridge)})
	if err != nil {
		return time.Time{}, e.fail(ctx, "networks", err)
	}
	for _, n := range res.Items {
		if n.Name == network.NetworkBridge {
			return n.Created, nil
		}
	}
	return time.Time{}, nil
}
