package runnertest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

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

func (s *suite) run(t *testing.T) {
	t.Run("a started container answers with its environment", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		spec := b.spec("-version=v7")
		spec.Env = map[string]string{"TEXT": " $HOME `id`\n\"ä\" ", "EMPTY": "", "PORT": "1"}
		b.create(spec)
		before := time.Now()
		b.start(spec.Name)
		b.answers(spec.Name)
		c := b.inspect(spec.Name)
		if c.State != runner.Running || c.StartedAt.Before(before.Add(-time.Second)) || !c.EndedAt.IsZero() {
			t.Errorf("started: %+v", c)
		}
		for path, want := range map[string]string{"/": "v7", "/env?name=TEXT": spec.Env["TEXT"], "/env?name=EMPTY": ""} {
			if status, body := b.get(spec.Name, path); status != 200 || body != want {
				t.Errorf("GET %s: %d %q, want %q", path, status, body, want)
			}
		}
		if status, port := b.get(spec.Name, "/env?name=PORT"); status != 200 || port == "1" {
			t.Errorf("PORT is %q, not the runner's", port)
		}
	})
	t.Run("starting twice is no error and starts once", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		name := b.serving()
		first := b.inspect(name)
		b.start(name)
		if again := b.inspect(name); !again.StartedAt.Equal(first.StartedAt) || again.Addr != first.Addr {
			t.Errorf("started twice: %+v, then %+v", first, again)
		}
	})
	t.Run("an exited container starts again", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		name := b.serving()
		if err := b.Stop(t.Context(), name, patience); err != nil {
			t.Fatal(err)
		}
		first := b.exited(name)
		b.start(name)
		b.answers(name)
		if again := b.inspect(name); again.ID != first.ID || !again.StartedAt.After(first.StartedAt) {
			t.Errorf("first %+v, then %+v", first, again)
		}
	})
	t.Run("a command that cannot be executed is told", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		spec := b.spec()
		spec.Command = []string{"/no/such/program"}
		b.create(spec)
		err := b.Start(t.Context(), spec.Name)
		if failed, ok := errors.AsType[*runner.StartError](err); ok {
			if failed.ExitCode != 127 || failed.Message == "" {
				t.Errorf("Start: %+v", failed)
			}
			return
		}
		if err != nil {
			t.Fatalf("Start: %v, want a StartError or an exit with 127", err)
		}
		if c := b.exited(spec.Name); c.ExitCode != 127 {
			t.Errorf("exited: %+v, want 127", c)
		}
	})
	t.Run("where it listens instead is seen", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		l, ok := b.Runner.(runner.Listener)
		if !ok {
			t.Skip("this backend does not see sockets, and need not")
		}
		name := b.started("-listen=0.0.0.0:0")
		b.eventually(func(ctx context.Context) error {
			found, err := l.Listening(ctx, name)
			switch {
			case err != nil:
				return err
			case len(found.Sockets) != 1 || int(found.Sockets[0].Port()) == found.Port:
				return errors.New(found.Advice())
			}
			return nil
		})
		_, err := l.Listening(t.Context(), "no-such-container")
		wantErr(t, "Listening", err, runner.ErrNotFound)
	})
}

func (s *suite) end(t *testing.T) {
	t.Run("the exit code is kept", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		for code, flag := range map[int]string{0: "-exit-code=0", 7: "-exit-code=7", 255: "-exit-code=255"} {
			c := b.exited(b.started("-listen=none", "-exit-after=0s", flag))
			if c.ExitCode != code || c.OOMKilled || c.Addr.IsValid() || c.StartedAt.IsZero() || c.EndedAt.Before(c.StartedAt) {
				t.Errorf("exited: %+v, want %d", c, code)
			}
		}
	})
	t.Run("stopping lets the application finish", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		name := b.serving("-stop-delay=200ms")
		begun := time.Now()
		if err := b.Stop(t.Context(), name, patience); err != nil {
			t.Fatal(err)
		}
		if c := b.inspect(name); c.State != runner.Exited || c.ExitCode != 0 {
			t.Errorf("stopped: %+v", c)
		}
		if took := time.Since(begun); took < 200*time.Millisecond || took > patience/2 {
			t.Errorf("it took %s", took)
		}
	})
	t.Run("stopping kills after the grace", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		name := b.serving("-ignore-term")
		begun := time.Now()
		if err := b.Stop(t.Context(), name, time.Second); err != nil {
			t.Fatal(err)
		}
		if c := b.inspect(name); c.State != runner.Exited || c.ExitCode != 137 || c.OOMKilled {
			t.Errorf("stopped: %+v, want 137", c)
		}
		if took := time.Since(begun); took < time.Second || took > 6*time.Second {
			t.Errorf("it took %s", took)
		}
	})
	t.Run("stopping and removing what is not there is no error", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		spec := b.spec()
		b.create(spec)
		for _, name := range []string{spec.Name, "no-such-container", "../..", ""} {
			if err := b.Stop(t.Context(), name, 0); err != nil {
				t.Errorf("Stop(%q): %v", name, err)
			}
		}
		for _, name := range []string{spec.Name, spec.Name, "no-such-container", "../..", ""} {
			if err := b.Remove(t.Context(), name); err != nil {
				t.Errorf("Remove(%q): %v", name, err)
			}
		}
	})
	t.Run("what is removed is gone for every method", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		name := b.serving()
		addr := b.inspect(name).Addr
		if err := b.Remove(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		b.absent(name)
		if err := runner.Probe(t.Context(), runner.Check{Timeout: 3 * time.Second}, addr); err == nil {
			t.Errorf("%s still answers", addr)
		}
	})
}

// absent checks that no method knows name.
func (b *bench) absent(name string) {
	b.t.Helper()
	ctx := b.t.Context()
	_, err := b.Inspect(ctx, name)
	wantErr(b.t, "Inspect", err, runner.ErrNotFound)
	wantErr(b.t, "Start", b.Start(ctx, name), runner.ErrNotFound)
	_, err = b.Attach(ctx, name)
	wantErr(b.t, "Attach", err, runner.ErrNotFound)
	_, err = b.Logs(ctx, name, runner.Position{}, false)
	wantErr(b.t, "Logs", err, runner.ErrNotFound)
	_, err = b.Exec(ctx, name, []string{"x"})
	wantErr(b.t, "Exec", err, runner.ErrNotFound)
	list, err := b.List(ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range list {
		if c.Name == name {
			b.t.Errorf("%s is listed", name)
		}
	}
}
