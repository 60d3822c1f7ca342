package worker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/runner"
)

// startTries is how often a container that ends before it is healthy is
// started.
const startTries = 3

// start starts the replicas of a deployment until they are healthy, and then
// switches traffic to them. A static site has none.
func (w *Worker) start(ctx context.Context, c *deploy.Claim) error {
	if c.Row.Bundle != nil {
		return w.serveSite(ctx, c)
	}
	set, err := w.replicaSet(ctx, c.Row)
	if err != nil {
		return err
	}
	if err := w.preDeploy(ctx, c, set); err != nil {
		return err
	}
	if err := w.Deploy.BeginPhase(ctx, c, lifecycle.PhaseCreateContainer, deploy.MaxAttempts); err != nil {
		return err
	}
	replicas, err := w.createAll(ctx, c, set)
	if err != nil {
		return err
	}
	if err := w.Deploy.NextPhase(ctx, c, lifecycle.PhaseCreateContainer, lifecycle.PhaseStart, startTries); err != nil {
		return err
	}
	if err := w.untilHealthy(ctx, c, set, replicas); err != nil {
		return err
	}
	if err := w.Deploy.NextPhase(ctx, c, lifecycle.PhaseHealthCheck, lifecycle.PhaseSwitchTraffic, deploy.MaxAttempts); err != nil {
		return err
	}
	return w.Deploy.Switch(ctx, c)
}

// untilHealthy starts the replicas, whose phase has begun, and waits for each to
// be healthy. Those that end before are started again, a few times.
func (w *Worker) untilHealthy(ctx context.Context, c *deploy.Claim, set *replicaSet, replicas []*ent.Replica) error {
	for try := 1; ; try++ {
		err := each(ctx, replicas, func(ctx context.Context, r *ent.Replica) error { return w.run(ctx, c.Fence(), set, r) })
		if err != nil {
			return err
		}
		if err := w.Deploy.NextPhase(ctx, c, lifecycle.PhaseStart, lifecycle.PhaseHealthCheck, startTries); err != nil {
			return err
		}
		another := try < startTries
		err = each(ctx, replicas, func(ctx context.Context, r *ent.Replica) error { return w.await(ctx, c.Fence(), set, r, another) })
		if err == nil && len(replicas) > 1 { // who was healthy first has waited for the others
			err = each(ctx, replicas, func(ctx context.Context, r *ent.Replica) error { return w.stillRuns(ctx, c.Fence(), r) })
		}
		if err == nil {
			return nil
		}
		if unreached, ok := errors.AsType[*unreachedError](err); ok {
			w.Recorder.Say(ctx, c.Row, lifecycle.Warning, fmt.Sprintf("%s. Starting another one (%d of %d).", err, try+1, startTries))
			if err := w.Deploy.BeginPhase(ctx, c, lifecycle.PhaseStart, startTries); err != nil {
				return err
			}
			if replicas, err = w.elsewhere(ctx, c, set, replicas, unreached.replica); err != nil {
				return err
			}
			continue
		}
		ended, ok := errors.AsType[*endedError](err)
		if !ok || !ended.again() || try == startTries {
			return err
		}
		w.Recorder.Say(ctx, c.Row, lifecycle.Warning, fmt.Sprintf("%s Starting it again (%d of %d).", ended.sentence(), try+1, startTries))
		if err := pause(ctx, time.Duration(try)*500*time.Millisecond); err != nil {
			return err
		}
		if err := w.Deploy.BeginPhase(ctx, c, lifecycle.PhaseStart, startTries); err != nil {
			return err
		}
	}
}

// createAll makes the containers of all slots.
func (w *Worker) createAll(ctx context.Context, c *deploy.Claim, set *replicaSet) ([]*ent.Replica, error) {
	for {
		replicas, err := w.fillSlots(ctx, c)
		if err != nil {
			return nil, err
		}
		var lost atomic.Bool
		err = each(ctx, replicas, func(ctx context.Context, r *ent.Replica) error {
			err := w.create(ctx, c.Fence(), set, r)
			if errors.Is(err, errLost) {
				lost.Store(true)
				return w.retire(ctx, c.Fence(), r, 0, 0)
			}
			return err
		})
		if err != nil || !lost.Load() {
			return replicas, err
		}
	}
}

// place is a slot of a process.
type place struct {
	process string
	slot    int
}

// fillSlots returns a replica for each slot, making those that are missing, and
// retires the others, of slots that were scaled away since an earlier attempt.
func (w *Worker) fillSlots(ctx context.Context, c *deploy.Claim) ([]*ent.Replica, error) {
	have, err := w.Deploy.ReplicasOf(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	shares, err := w.Deploy.SharesOf(ctx, c.Row)
	if err != nil {
		return nil, err
	}
	there := make(map[place]*ent.Replica, len(have))
	for _, r := range have {
		if r.Status != lifecycle.ReplicaDraining {
			there[place{r.Process, r.Slot}] = r
		}
	}
	var out []*ent.Replica
	for _, share := range shares {
		for slot := range share.Replicas {
			r := there[place{share.Process, slot}]
			if r == nil {
				if r, err = w.Deploy.AddReplica(ctx, c.Fence(), c.Row, share.Process, slot); err != nil {
					return nil, err
				}
			}
			out = append(out, r)
		}
	}
	surplus := slices.DeleteFunc(have, func(r *ent.Replica) bool { return slices.Contains(out, r) })
	return out, each(ctx, surplus, func(ctx context.Context, r *ent.Replica) error {
		return w.retire(ctx, c.Fence(), r, 0, stopGrace(c.Row))
	})
}

// replicaSet is what all replicas of a deployment have in common.
type replicaSet struct {
	deployment *ent.Deployment
	settings   spec.Settings // defaults filled in
	port       int           // 0: it listens nowhere
	spec       runner.Spec
	secrets    []string
	beside     map[string]*replicaSet // of its processes, by name
}

// of is what a replica of the set is made of: that of its process. Nothing is
// sent to a process beside the service, and nobody asks it: it is well as long
// as it runs.
func (s *replicaSet) of(r *ent.Replica) *replicaSet {
	if other := s.beside[r.Process]; other != nil {
		return other
	}
	return s
}

// addProcesses makes the sets of the processes beside the service.
func (s *replicaSet) addProcesses() {
	s.beside = map[string]*replicaSet{}
	for _, run := range s.deployment.Settings.Runs(s.deployment.Image) {
		one := *s
		one.port, one.spec.Port, one.spec.Command = 0, 0, run.Argv
		asked := *s.settings.HealthCheck
		asked.Kind = spec.CheckNone
		one.settings.HealthCheck = &asked
		s.beside[run.Name] = &one
	}
}

// replicaSet collects what the containers of a deployment are made of.
func (w *Worker) replicaSet(ctx context.Context, d *ent.Deployment) (*replicaSet, error) {
	kind, err := w.Deploy.KindOf(ctx, d.ServiceID)
	if err != nil {
		return nil, err
	}
	s := d.Settings.WithDefaults(kind)
	env, err := w.Deploy.OpenVariables(ctx, d.Variables, func(v spec.VariableRef) bool { return v.Runtime })
	if err != nil {
		return nil, err
	}
	files, err := w.files(ctx, s.ConfigFiles)
	if err != nil {
		return nil, err
	}
	command, err := s.Command()
	if err != nil {
		return nil, fmt.Errorf("start command: %w", err)
	}
	network, err := w.Runner.EnsureNetwork(ctx, deploy.NetworkName(d.EnvironmentID))
	if err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	if err := w.Router.Listen(ctx, network); err != nil { // what runs need not wait for a proxy
		w.Log.WarnContext(ctx, "names are not resolved yet", "network", network.Name, "err", err)
	}
	set := &replicaSet{deployment: d, settings: s, secrets: env.Secrets}
	if kind == spec.Web {
		set.port = portOf(s, d.Image)
	}
	set.spec = runner.Spec{
		Image: d.Image.ID, Command: command, Env: env.Values, Port: set.port, Network: network.Name,
		Memory: s.Resources.MemoryBytes, CPUMillis: s.Resources.CPUMillis, Names: w.Router.NameServers(network),
		Files: files,
	}
	set.addProcesses()
	return set, nil
}

// files are config files as a runner puts them into containers.
func (w *Worker) files(ctx context.Context, list []spec.ConfigFile) ([]runner.File, error) {
	contents, err := w.Deploy.OpenFiles(ctx, list)
	if err != nil {
		return nil, err
	}
	var out []runner.File
	for n, f := range list {
		out = append(out, runner.File{Path: f.Path, Mode: fs.FileMode(f.Mode), Content: contents[n]}) //nolint:gosec // nine bits
	}
	return out, nil
}

// portOf is where an application is expected to listen: as its settings say,
// else the one port its image declares, else the default.
func portOf(s spec.Settings, image *spec.ImageRef) int {
	switch {
	case s.Port != 0:
		return s.Port
	case image.Port != 0:
		return image.Port
	default:
		return spec.DefaultPort
	}
}

// each does the same for all replicas at once and returns the first error,
// upon which the others' context ends.
func each(ctx context.Context, replicas []*ent.Replica, do func(context.Context, *ent.Replica) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for _, r := range replicas {
		g.Go(func() error { return unlessPanic(ctx, func(ctx context.Context) error { return do(ctx, r) }) })
	}
	return g.Wait()
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
