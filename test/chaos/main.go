//go:build linux

// Chaos does to an installation of Davit, at random, much of what its users do
// and of what may happen to it (plan.go lists both), and holds what becomes of
// it against what is promised. It needs root: everything runs on a Docker engine of its own, in
// namespaces of its own, so that the engine may die as well.
//
// The same seed does the same things in the same order. When they meet is up to
// the machine.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/moby/moby/client"

	"github.com/davitdev/davit/test/daemon"
)

// inside says where the process works that runs aside.
const inside = "DAVIT_CHAOS_DIR"

// options say what is done.
type options struct {
	program  string // davit
	registry string // that has davit-test/app:v1
	seed     uint64
	minutes  float64 // no episode begins after
	first    int     // episode
	episodes int     // at most; 0: no limit
	projects int
	actions  int // of each project in an episode
	faults   int // in an episode
	full     bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	o := options{registry: os.Getenv("TEST_REGISTRY")}
	set := flag.NewFlagSet("chaos", flag.ContinueOnError)
	set.SetOutput(out)
	set.StringVar(&o.program, "program", "bin/davit", "davit")
	set.Uint64Var(&o.seed, "seed", 0, "what all follows from; 0: any")
	set.Float64Var(&o.minutes, "minutes", 3, "no episode begins after so many")
	set.IntVar(&o.first, "episode", 0, "episode to begin with")
	set.IntVar(&o.episodes, "episodes", 0, "how many episodes at most; 0: no limit")
	set.IntVar(&o.projects, "projects", projects, "how many projects, at most 10")
	set.IntVar(&o.actions, "actions", 4, "actions of each project in an episode")
	set.IntVar(&o.faults, "faults", 5, "faults in an episode")
	set.BoolVar(&o.full, "full", false, "on PostgreSQL and Redis")
	if err := set.Parse(args); err != nil {
		return err
	}
	if o.registry == "" {
		return errors.New("TEST_REGISTRY is not set; use make chaos")
	}
	if o.projects < 1 || o.projects > projects {
		return fmt.Errorf("there are 1 to %d projects", projects)
	}
	if dir := os.Getenv(inside); dir != "" {
		return o.soak(ctx, dir, out)
	}
	if os.Geteuid() != 0 {
		return errors.New("only root can start an engine")
	}
	if o.seed == 0 {
		o.seed = rand.Uint64N(1_000_000) + 1
	}
	return o.aside(ctx, out)
}

// images are those of the test application.
func (o options) image() string { return o.registry + "/davit-test/app:v1" }

// aside runs the same in a process that may have an engine of its own.
func (o options) aside(ctx context.Context, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "davit-chaos-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			fmt.Fprintln(out, "serve.log, and the data directory if a promise was broken, are in", dir)
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, "engine")), os.Remove(filepath.Join(dir, "images.tar")))
			return
		}
		err = os.RemoveAll(dir)
	}()
	engine, err := client.New(client.FromEnv)
	if err != nil {
		return err
	}
	defer engine.Close()
	if err := daemon.Save(ctx, engine, filepath.Join(dir, "images.tar"), o.image()); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	program, err := filepath.Abs(o.program)
	if err != nil {
		return err
	}
	o.program = program
	cmd := exec.CommandContext(ctx, self, o.flags()...)
	cmd.Env = append(os.Environ(), inside+"="+dir)
	if o.full {
		rows, env, merr := makeRows(ctx)
		if merr != nil {
			return merr
		}
		defer func() { err = errors.Join(err, rows.Drop(context.WithoutCancel(ctx))) }()
		cmd.Env = append(cmd.Env, env...)
	}
	cmd.Stdout, cmd.Stderr = out, out
	over := make(chan struct{})
	defer close(over)
	// The first Ctrl-C has everything taken down, the second, or too long a
	// time, killed.
	cmd.WaitDelay = 2 * downLimit
	cmd.Cancel = func() error {
		again := make(chan os.Signal, 1)
		signal.Notify(again, os.Interrupt, syscall.SIGTERM)
		go func() {
			defer signal.Stop(again)
			select {
			case <-again:
				_ = cmd.Process.Kill() // or it has ended
			case <-over:
			}
		}()
		return cmd.Process.Signal(os.Interrupt)
	}
	return daemon.RunAside(cmd, dir)
}

// flags say o to a process.
func (o options) flags() []string {
	return []string{
		"-program", o.program, "-seed", fmt.Sprint(o.seed), "-minutes", fmt.Sprint(o.minutes), "-episode", fmt.Sprint(o.first),
		"-episodes", fmt.Sprint(o.episodes), "-projects", fmt.Sprint(o.projects), "-actions", fmt.Sprint(o.actions), "-faults", fmt.Sprint(o.faults), "-full=" + fmt.Sprint(o.full),
	}
}

// downLimit is how long it may take to take everything down.
const downLimit = 2 * time.Minute

// down is ctx for that, also when that has ended.
func down(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(context.WithoutCancel(ctx), downLimit, fmt.Errorf("not everything is taken down within %s", downLimit))
}

// soak does it all, in a directory that has the images.
func (o options) soak(ctx context.Context, dir string, out io.Writer) (err error) {
	home := filepath.Join(dir, "engine")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // who reads may be dead, and all is still to be taken down
	engine, err := daemon.New(ctx, home)
	if err != nil {
		return err
	}
	defer engine.API.Close()
	defer func() {
		ctx, cancel := down(ctx)
		defer cancel()
		err = errors.Join(err, engine.KillAll(ctx))
	}()
	if err := errors.Join(engine.Start(ctx), engine.Load(ctx, filepath.Join(dir, "images.tar")), os.Setenv("DOCKER_HOST", engine.Host())); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(dir, "serve.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	var outside *elsewhere
	if o.full {
		if outside, err = newElsewhere(ctx, dir); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, outside.close()) }()
	}
	h, err := newHouse(ctx, o.program, dir, o.image(), engine, outside, log)
	if err != nil {
		ctx, cancel := down(ctx)
		defer cancel()
		return errors.Join(err, h.abandon(ctx))
	}
	s := &soak{house: h, out: out, dir: dir, recovered: map[kind][]time.Duration{}, began: time.Now()}
	fmt.Fprintf(out, "seed %d, %d projects\n", o.seed, o.projects)
	s.furnish(ctx, o.projects)
	episode := o.first
	end := time.Now().Add(time.Duration(o.minutes * float64(time.Minute)))
	for ; !s.broken() && ctx.Err() == nil && time.Now().Before(end) && (o.episodes == 0 || episode < o.first+o.episodes); episode++ {
		s.note("episode %d of seed %d", episode, o.seed)
		s.episode(ctx, newPlan(o.seed, episode, o.projects, o.actions, o.faults, kinds(o.full)))
	}
	if s.broken() {
		if err := keep(s.srv.Data, filepath.Join(dir, "data")); err != nil {
			s.note("not all of the data directory is kept: %v", err)
		}
	}
	last, cancel := down(ctx)
	defer cancel()
	s.takeDown(last)
	s.summary()
	if !s.broken() {
		return ctx.Err()
	}
	return fmt.Errorf("%d promises were broken. The same again: test/services run go run ./test/chaos %s; from the last episode on: -episode %d",
		len(s.failures), strings.Join(o.flags(), " "), max(o.first, episode-1))
}
