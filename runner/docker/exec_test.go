package docker_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/moby/moby/client"

	"github.com/davitdev/davit/runner"
)

// Each check of a health check that hangs would leave another process behind.
func TestACommandThatHangsHasNoSecondBesideIt(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	name := p.run(runner.Spec{Image: appImage(t, p.api), Command: []string{"/app", "-listen=none"}})
	hangs, ends := []string{"/app", "-listen=none"}, []string{"/app", "-listen=none", "-exit-after=0s"}
	processes := func(ctx context.Context) int {
		top, err := p.api.ContainerTop(ctx, name, client.ContainerTopOptions{})
		if err != nil {
			t.Error(err)
		}
		return len(top.Processes)
	}
	before := processes(t.Context())
	ctx, cancel := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	watching.Go(func() {
		defer cancel()
		err := runner.WaitHealthy(t.Context(), runner.Pace{}, func(ctx context.Context) error {
			if processes(ctx) == before {
				return errors.New("the command has not begun")
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	_, err := p.Exec(ctx, name, hangs)
	watching.Wait()
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("Exec: %v, want that of the context", err)
	}
	for range 3 {
		if _, err := p.Exec(t.Context(), name, ends); !errors.Is(err, runner.ErrInUse) {
			t.Errorf("the next: %v, want ErrInUse", err)
		}
	}
	if now := processes(t.Context()); now != before+1 {
		t.Errorf("%d processes run, and %d before", now, before)
	}
	if err := errors.Join(p.Stop(t.Context(), name, 0), p.Start(t.Context(), name)); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Exec(t.Context(), name, ends); err != nil {
		t.Errorf("once it has ended: %v", err)
	}
}
