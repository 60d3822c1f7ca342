package runnertest

import (
	"context"
	"fmt"

	"github.com/davitdev/davit/runner"
)

// EnsureNetwork remembers the name.
func (f *Fake) EnsureNetwork(ctx context.Context, name string) (runner.Network, error) {
	if err := f.ready(ctx); err != nil {
		return runner.Network{}, err
	}
	defer f.mu.Unlock()
	if !runner.ValidName(name) {
		return runner.Network{}, fmt.Errorf("%w: network %q", runner.ErrSpec, name)
	}
	if owner, ok := f.networks[name]; ok && owner != f.installation {
		return runner.Network{}, runner.ErrNameTaken
	}
	f.networks[name] = f.installation
	return runner.Network{Name: name}, nil
}

// Networks lists the names.
func (f *Fake) Networks(ctx context.Context) ([]runner.Network, error) {
	if err := f.ready(ctx); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	var list []runner.Network
	for name, owner := range f.networks {
		if owner == f.installation {
			list = append(list, runner.Network{Name: name})
		}
	}
	return list, nil
}

// RemoveNetwork forgets the name.
func (f *Fake) RemoveNetwork(ctx context.Context, name string) error {
	if err := f.ready(ctx); err != nil {
		return err
	}
	defer f.mu.Unlock()
	if f.networks[name] != f.installation {
		return nil
	}
	for _, b := range f.containers {
		if b.spec.Network == name {
			return runner.ErrInUse
		}
	}
	delete(f.networks, name)
	return nil
}

// Events subscribes.
func (f *Fake) Events(ctx context.Context) (<-chan runner.Event, error) {
	if err := f.ready(ctx); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	ch := make(chan runner.Event, 1024)
	f.listeners[ch] = f.installation
	context.AfterFunc(ctx, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.unsubscribe(ch)
	})
	return ch, nil
}

// publish tells subscribers; one that does not read is let go.
func (e *fakeEngine) publish(b *box, kind runner.EventKind) {
	for ch, installation := range e.listeners {
		if installation != b.installation {
			continue
		}
		select {
		case ch <- runner.Event{Kind: kind, Name: b.Name, ReplicaID: b.ReplicaID}:
		default:
			e.unsubscribe(ch)
		}
	}
}

// unsubscribe may be called twice; the lock is held.
func (e *fakeEngine) unsubscribe(ch chan runner.Event) {
	if _, ok := e.listeners[ch]; ok {
		delete(e.listeners, ch)
		close(ch)
	}
}
