package runnertest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/davitdev/davit/runner"
)

// Fake is a Runner whose containers are HTTP servers in this process, which
// behave as test/app does with the same flags and the same APP_… variables: so
// a test steers it by the spec it deploys. It keeps the promises of
// runner.Runner, Conform checks that. A test that restarts the control plane
// gives the same Fake to the next one.
type Fake struct {
	*fakeEngine
	installation string
}

var _ runner.Runner = (*Fake)(nil)

// fakeEngine is what Fakes of several installations share.
type fakeEngine struct {
	mu         sync.Mutex
	away       bool
	images     map[string]FakeImage
	containers map[string]*box
	networks   map[string]string // installation by name
	listeners  map[chan runner.Event]string
	made       int
}

// NewFake returns a Fake on which every image reference names an application
// that behaves well, until SetImage says more.
func NewFake(installation string) *Fake {
	return &Fake{installation: installation, fakeEngine: &fakeEngine{
		images:     make(map[string]FakeImage),
		containers: make(map[string]*box),
		networks:   make(map[string]string),
		listeners:  make(map[chan runner.Event]string),
	}}
}

// As returns a runner of another installation on the same engine.
func (f *Fake) As(installation string) *Fake {
	return &Fake{installation: installation, fakeEngine: f.fakeEngine}
}

// Close ends all containers.
func (f *Fake) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, b := range f.containers {
		b.finish(137, false)
	}
}

// SetAway makes the engine unreachable or reachable. What runs goes on.
func (f *Fake) SetAway(away bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.away = away; !away {
		return
	}
	for ch := range f.listeners {
		f.unsubscribe(ch)
	}
	for _, b := range f.containers {
		b.changed()
	}
}

// Kill ends a container from outside, as a crash or the kernel would.
func (f *Fake) Kill(name string, exitCode int, oom bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if b := f.containers[name]; b != nil {
		b.finish(exitCode, oom)
	}
}

// Restart ends what runs, as an engine does that was killed, and is another
// engine from then on.
func (f *Fake) Restart() { f.RestartWithout(0) }

// RestartWithout is Restart of an engine that had handed on the last lines of each
// output and not kept them.
func (f *Fake) RestartWithout(lines int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, b := range f.containers {
		if b.State == runner.Running {
			b.finish(255, false)
			b.Outlived = true
			b.log = b.log[:len(b.log)-lines]
		}
	}
}

// ready takes the lock, or fails as every method does. The caller unlocks.
func (f *Fake) ready(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f.mu.Lock()
	if f.away {
		f.mu.Unlock()
		return runner.ErrUnavailable
	}
	return nil
}

// find returns a container of ours; the lock is held.
func (f *Fake) find(name string) (*box, error) {
	if b := f.containers[name]; b != nil && b.installation == f.installation {
		return b, nil
	}
	return nil, runner.ErrNotFound
}

// Info says that no limit is enforced.
func (f *Fake) Info(ctx context.Context) (runner.Info, error) {
	if err := f.ready(ctx); err != nil {
		return runner.Info{}, err
	}
	defer f.mu.Unlock()
	return runner.Info{Backend: "FAKE", Version: "1", Platform: "linux/amd64"}, nil
}

// Create makes a container without starting it.
func (f *Fake) Create(ctx context.Context, spec runner.Spec) (runner.Container, error) {
	if err := f.ready(ctx); err != nil {
		return runner.Container{}, err
	}
	defer f.mu.Unlock()
	if err := spec.Validate(); err != nil {
		return runner.Container{}, err
	}
	img, ok := f.byID(spec.Image)
	if !ok {
		return runner.Container{}, runner.ErrImageNotFound
	}
	if f.networks[spec.Network] != f.installation {
		return runner.Container{}, runner.ErrNetworkNotFound
	}
	old := f.containers[spec.Name]
	switch {
	case old == nil:
	case old.installation != f.installation:
		return runner.Container{}, runner.ErrNameTaken
	case old.SpecHash == spec.Hash():
		return old.Container, nil
	case spec.Epoch != 0 && old.Epoch > spec.Epoch:
		return runner.Container{}, runner.ErrStale
	default:
		f.remove(old)
	}
	f.made++
	spec.Env, spec.Command, spec.Files = maps.Clone(spec.Env), slices.Clone(spec.Command), slices.Clone(spec.Files)
	b := &box{
		engine: f.fakeEngine, installation: f.installation, spec: spec, image: img, wake: make(chan struct{}),
		Container: runner.Container{
			Name: spec.Name, ReplicaID: spec.ReplicaID, Epoch: spec.Epoch, SpecHash: spec.Hash(), State: runner.Created,
			ID: fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "%s %d", spec.Name, f.made)))[:64],
		},
	}
	f.containers[spec.Name] = b
	return b.Container, nil
}

// Start starts the application.
func (f *Fake) Start(ctx context.Context, name string) error {
	if err := f.ready(ctx); err != nil {
		return err
	}
	defer f.mu.Unlock()
	b, err := f.find(name)
	if err != nil || b.State == runner.Running {
		return err
	}
	return b.start()
}

// Inspect returns the present state.
func (f *Fake) Inspect(ctx context.Context, name string) (runner.Container, error) {
	if err := f.ready(ctx); err != nil {
		return runner.Container{}, err
	}
	defer f.mu.Unlock()
	b, err := f.find(name)
	if err != nil {
		return runner.Container{}, err
	}
	return b.Container, nil
}

// List returns all, by name.
func (f *Fake) List(ctx context.Context) ([]runner.Container, error) {
	if err := f.ready(ctx); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	var list []runner.Container
	for _, b := range f.containers {
		if b.installation == f.installation {
			list = append(list, b.Container)
		}
	}
	slices.SortFunc(list, func(a, b runner.Container) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}

// Stop asks the application to end and waits.
func (f *Fake) Stop(ctx context.Context, name string, grace time.Duration) error {
	if err := f.ready(ctx); err != nil {
		return err
	}
	b, err := f.find(name)
	if err != nil || b.State != runner.Running {
		f.mu.Unlock()
		return nil
	}
	run := b.run
	run.terminate(ctx)
	f.mu.Unlock()
	over := time.NewTimer(grace)
	defer over.Stop()
	select {
	case <-run.ended:
	case <-over.C:
		f.mu.Lock()
		defer f.mu.Unlock()
		if b.run == run {
			b.finish(137, false)
		}
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// Remove deletes the container.
func (f *Fake) Remove(ctx context.Context, name string) error {
	if err := f.ready(ctx); err != nil {
		return err
	}
	defer f.mu.Unlock()
	if b, err := f.find(name); err == nil {
		f.remove(b)
	}
	return nil
}

// remove ends and deletes b; the lock is held.
func (e *fakeEngine) remove(b *box) {
	b.finish(137, false)
	delete(e.containers, b.Name)
	b.gone = true
	b.changed()
	e.publish(b, runner.EventRemoved)
}
