package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/davitdev/davit/runner"
)

// EnsureNetwork remembers the name. All programs share the host's network;
// there is no gateway between them and it.
func (r *Runner) EnsureNetwork(ctx context.Context, name string) (runner.Network, error) {
	if err := ctx.Err(); err != nil {
		return runner.Network{}, err
	}
	if !runner.ValidName(name) {
		return runner.Network{}, fmt.Errorf("%w: network %q", runner.ErrSpec, name)
	}
	f, err := os.OpenFile(r.path(networksDir, name), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return runner.Network{}, fmt.Errorf("process network: %w", diskError(err))
	}
	return runner.Network{Name: name}, f.Close()
}

// Networks lists the names.
func (r *Runner) Networks(ctx context.Context) ([]runner.Network, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(r.path(networksDir))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", runner.ErrUnavailable, err)
	}
	list := make([]runner.Network, 0, len(entries))
	for _, e := range entries {
		list = append(list, runner.Network{Name: e.Name()})
	}
	return list, nil
}

// RemoveNetwork forgets a name that no container has.
func (r *Runner) RemoveNetwork(ctx context.Context, name string) error {
	unlock, err := r.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if !runner.ValidName(name) {
		return nil
	}
	all, err := r.records()
	if err != nil {
		return err
	}
	for _, rec := range all {
		if rec.Spec.Network == name {
			return fmt.Errorf("%w: network %s by %s", runner.ErrInUse, name, rec.Spec.Name)
		}
	}
	if err := os.Remove(r.path(networksDir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("process network: %w", err)
	}
	return nil
}
