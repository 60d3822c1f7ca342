package runnertest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/davitdev/davit/runner"
)

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
	t.Run("where it listens instead is seen by a backend that sees sockets", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		l, ok := b.Runner.(runner.Listener)
		if !ok {
			return // it need not
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
