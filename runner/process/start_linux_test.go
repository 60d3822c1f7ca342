package process

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/davitdev/davit/runner"
)

// A Start that is given up leaves a shim that may come to it only now, and holds
// the lock that the next one's shim would wait for as long as the program runs.
func TestAShimGivesWayToOneThatWasStartedBefore(t *testing.T) {
	t.Parallel()

	r, err := New(t.Context(), Options{Dir: filepath.Join(t.TempDir(), "runner"), Path: "/usr/bin:/bin"})
	if err != nil {
		t.Fatal(err)
	}
	image, err := r.Install(t.Context(), t.TempDir(), ImageConfig{Cmd: []string{"sleep", "1000"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.EnsureNetwork(t.Context(), "net"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Create(t.Context(), runner.Spec{Name: "web", Network: "net", Image: image.ID}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Remove(context.WithoutCancel(t.Context()), "web"); err != nil {
			t.Error(err)
		}
	})
	for n, want := range []report{{}, {Begun: true, Error: errBegun.Error()}} {
		if said, err := r.spawn(t.Context(), r.containerPath("web"), 0); err != nil || said != want {
			t.Errorf("shim %d says %+v, %v", n+1, said, err)
		}
	}
	if s, err := r.state("web"); err != nil || s.Status != runner.Running || s.Run != 1 {
		t.Errorf("the container is %+v, %v", s, err)
	}
}
