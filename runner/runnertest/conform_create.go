package runnertest

import (
	"sync"
	"testing"

	"github.com/davitdev/davit/runner"
)

func (s *suite) create(t *testing.T) {
	t.Run("a created container does not run yet", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		spec := b.spec()
		spec.Epoch = 3
		made := b.create(spec)
		for _, c := range []runner.Container{made, b.inspect(spec.Name)} {
			if c.Name != spec.Name || c.ID == "" || c.ReplicaID != "rep_1" || c.Epoch != 3 || c.SpecHash != spec.Hash() ||
				c.State != runner.Created || c.Addr.IsValid() || !c.StartedAt.IsZero() || !c.EndedAt.IsZero() {
				t.Errorf("created: %+v", c)
			}
		}
		list, err := b.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range list {
			if c.Name == spec.Name && c.ID == made.ID {
				return
			}
		}
		t.Errorf("%s is not listed", spec.Name)
	})
	t.Run("an equal spec adopts, also from another epoch and another process", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		spec := b.spec()
		first := b.create(spec)
		b.start(spec.Name)
		b.answers(spec.Name)
		list, err := b.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range list {
			if want := b.inspect(spec.Name); c.Name == spec.Name && (c.ID != want.ID || c.ReplicaID != want.ReplicaID || c.Epoch != want.Epoch ||
				c.SpecHash != want.SpecHash || c.State != want.State || c.Addr != want.Addr) {
				t.Errorf("listed: %+v, want %+v", c, want)
			}
		}
		spec.Epoch = 9
		again, err := s.New(t, s.installation).Create(t.Context(), spec)
		if err != nil || again.ID != first.ID || again.State != runner.Running || !again.Addr.IsValid() {
			t.Errorf("created again: %+v, %v; want the running %s", again, err, first.ID)
		}
		b.answers(spec.Name)
	})
	t.Run("another spec of the same name replaces", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		spec := b.spec()
		first := b.create(spec)
		b.start(spec.Name)
		spec.Env = map[string]string{"NEW": "1"}
		second, err := b.Create(t.Context(), spec)
		if err != nil || second.ID == first.ID || second.State != runner.Created {
			t.Fatalf("created with another spec: %+v, %v", second, err)
		}
		b.start(spec.Name)
		b.answers(spec.Name)
		if _, body := b.get(spec.Name, "/env?name=NEW"); body != "1" {
			t.Errorf("NEW = %q", body)
		}
	})
	t.Run("an earlier epoch replaces nothing", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		spec := b.spec()
		spec.Epoch = 5
		first := b.create(spec)
		late := spec
		late.Epoch, late.Env = 4, map[string]string{"OLD": "1"}
		_, err := b.Create(t.Context(), late)
		wantErr(t, "Create", err, runner.ErrStale)
		if c := b.inspect(spec.Name); c.ID != first.ID {
			t.Errorf("it was replaced: %+v", c)
		}
	})
	t.Run("many at once make one container", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		spec := b.spec()
		var ids [8]string
		var wg sync.WaitGroup
		for i := range ids {
			r := s.New(t, s.installation)
			wg.Go(func() {
				c, err := r.Create(t.Context(), spec)
				if err != nil {
					t.Errorf("Create: %v", err)
				}
				ids[i] = c.ID
			})
		}
		wg.Wait()
		for _, id := range ids {
			if id == "" || id != ids[0] {
				t.Errorf("made %v", ids)
				break
			}
		}
		b.create(spec) // adopts, and cleans up
	})
	t.Run("what cannot be is refused", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		tests := map[string]struct {
			spoil func(*runner.Spec)
			want  error
		}{
			"a path as a name": {func(s *runner.Spec) { s.Name = "../x" }, runner.ErrSpec},
			"no such image":    {func(s *runner.Spec) { s.Image = "sha256:" + zeros }, runner.ErrImageNotFound},
			"no such network":  {func(s *runner.Spec) { s.Network = "no-such-network" }, runner.ErrNetworkNotFound},
			"the host network": {func(s *runner.Spec) { s.Network = "host" }, runner.ErrNetworkNotFound},
		}
		for name, tt := range tests {
			spec := b.spec()
			tt.spoil(&spec)
			_, err := b.Create(t.Context(), spec)
			wantErr(t, name, err, tt.want)
		}
	})
}

const zeros = "0000000000000000000000000000000000000000000000000000000000000000"
