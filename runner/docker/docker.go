// Package docker runs containers on a Docker Engine, version 20.10 or newer.
//
// Everything it makes carries the label davit.installation; a container also
// carries its own name, replica, epoch and spec hash. It sees and touches only
// what carries the labels of its installation: no call of it can reach a
// container, a network or a volume of somebody else, whatever name it is
// given.
//
// No setting of a user reaches the engine but through a runner.Spec. What a
// container may do is decided in one place, hostConfig.
package docker

import (
	"context"
	"fmt"
	"net/netip"
	"syscall"
	"time"

	"github.com/davitdev/davit/runner"
)

// Options configure an Engine. The zero value of each but Installation is a
// sensible default.
type Options struct {
	// Host is the engine's address, such as "unix:///var/run/docker.sock"; ""
	// is what DOCKER_HOST and its relatives say, or the platform's default.
	Host string

	// Installation tells what is ours from what is not.
	Installation string

	// Subnets is the IPv4 range networks get their subnets from, each with
	// SubnetBits bits of network: 10.201.0.0/16 and 25 give 512 networks of
	// 125 containers.
	Subnets    netip.Prefix
	SubnetBits int

	// LogSize is the bytes after which a container's log file is rotated,
	// LogFiles how many the engine keeps: 64 MiB and 4. It is the copy logs
	// are recovered from, so it wants to be large.
	LogSize  int64
	LogFiles int

	// The limits of a container whose Spec names none: 512 MiB, 2 cores and
	// 1024 processes.
	Memory    int64
	CPUMillis int
	Pids      int

	// Answer is how long the engine may take to answer a call before it counts
	// as one that is away, beyond what the call itself may take: a minute. A pull
	// is bounded by its caller alone.
	Answer time.Duration

	// Guard, if not nil, is told of each connection on which the engine waits for
	// us to read what an application prints. It breaks the connection when this
	// process hangs, until release is called.
	Guard func(conn syscall.Conn) (release func())

	// PublishLoopback makes containers reachable at a port of 127.0.0.1
	// instead of their own address. It is implied where the engine is known
	// to keep its networks to itself: Docker Desktop, rootless, not Linux.
	PublishLoopback bool
}

// withDefaults checks o and fills in what is missing.
func (o Options) withDefaults() (Options, error) {
	if !runner.ValidName(o.Installation) {
		return o, fmt.Errorf("docker: %q is not the id of an installation", o.Installation)
	}
	if o.Subnets == (netip.Prefix{}) {
		o.Subnets = netip.MustParsePrefix("10.201.0.0/16")
	}
	o.Subnets = o.Subnets.Masked()
	orDefault(&o.SubnetBits, 25)
	if !o.Subnets.Addr().Is4() || o.SubnetBits < o.Subnets.Bits() || o.SubnetBits > 29 {
		return o, fmt.Errorf("docker: no /%d subnets fit into %s", o.SubnetBits, o.Subnets)
	}
	orDefault(&o.LogSize, 64<<20)
	orDefault(&o.LogFiles, 4)
	orDefault(&o.Memory, 512<<20)
	orDefault(&o.CPUMillis, 2000)
	orDefault(&o.Pids, 1024)
	orDefault(&o.Answer, time.Minute)
	return o, nil
}

func orDefault[T comparable](v *T, standard T) {
	var zero T
	if *v == zero {
		*v = standard
	}
}

// Engine is a runner.Runner on one Docker Engine.
type Engine struct {
	opts     Options
	current  chan *session // holds the session, or nil; taken out while it is made
	networks chan struct{} // held while a network is made
	oom      notes         // whose memory ran out: the engine may say so in an event only, or late
	left     notes         // the command that was not waited for to its end
}

var (
	_ runner.Runner   = (*Engine)(nil)
	_ runner.Listener = (*Engine)(nil)
)

// New returns a runner on the engine that o names. It does not talk to it yet:
// Info says whether it answers. The only errors are about o.
func New(o Options) (*Engine, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	e := &Engine{opts: o, current: make(chan *session, 1), networks: make(chan struct{}, 1)}
	api, err := e.newClient()
	if err != nil {
		return nil, err
	}
	e.current <- nil
	return e, api.Close()
}

// Info asks the engine afresh, so that its answer is about now.
func (e *Engine) Info(ctx context.Context) (runner.Info, error) {
	ctx, cancel := e.answered(ctx, 0)
	defer cancel()
	s, err := e.connect(ctx)
	if err != nil {
		return runner.Info{}, err
	}
	if s, err = e.ask(ctx, s.api); err != nil {
		return runner.Info{}, err
	}
	return runner.Info{Backend: runner.Docker, Version: s.version, Platform: s.platform, Root: s.root, Storage: s.storage, Limits: s.limits}, nil
}
