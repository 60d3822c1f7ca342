package runnertest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/davitdev/davit/runner"
)

func (s *suite) exec(t *testing.T) {
	t.Run("the command's output and status come back", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		name := b.started("-listen=none")
		res, err := b.Exec(t.Context(), name, []string{s.Program, "-print=3", "-listen=none", "-exit-after=0s", "-exit-code=7"})
		if err != nil || res.ExitCode != 7 || string(res.Output) != numbered(3) {
			t.Errorf("Exec: %d %q, %v", res.ExitCode, res.Output, err)
		}
	})
	t.Run("too much output is cut, and the command still ends", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		name := b.started("-listen=none")
		res, err := b.Exec(t.Context(), name, []string{s.Program, "-print=50000", "-listen=none", "-exit-after=0s"})
		if err != nil || res.ExitCode != 0 || string(res.Output) != numbered(50000)[:runner.MaxExecOutput] {
			t.Errorf("Exec: %d, %d bytes, %v", res.ExitCode, len(res.Output), err)
		}
	})
	t.Run("a command that does not exist ends with 126 or 127", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		name := b.started("-listen=none")
		res, err := b.Exec(t.Context(), name, []string{"/no/such/program"})
		if err != nil || res.ExitCode != 126 && res.ExitCode != 127 {
			t.Errorf("Exec: %+v, %v", res, err)
		}
	})
	t.Run("nothing runs in a container that does not", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		spec := b.spec()
		b.create(spec)
		_, err := b.Exec(t.Context(), spec.Name, []string{s.Program})
		wantErr(t, "Exec", err, runner.ErrNotRunning)
		_, err = b.Exec(t.Context(), spec.Name, nil)
		wantErr(t, "Exec without a command", err, runner.ErrSpec)
	})
	t.Run("the context ends the wait", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		name := b.started("-listen=none")
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		begun := time.Now()
		_, err := b.Exec(ctx, name, []string{s.Program, "-listen=none"})
		wantErr(t, "Exec", err, context.DeadlineExceeded)
		if took := time.Since(begun); took > patience/2 {
			t.Errorf("it took %s", took)
		}
	})
}

func (s *suite) events(t *testing.T) {
	t.Run("tell of start, exit and removal", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		events, err := s.New(t, s.installation).Events(ctx) // as after a restart
		if err != nil {
			t.Fatal(err)
		}
		name := b.started("-listen=none")
		b.expect(events, name, runner.EventStarted)
		if err := b.Stop(t.Context(), name, patience); err != nil {
			t.Fatal(err)
		}
		b.expect(events, name, runner.EventExited)
		if err := b.Remove(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		b.expect(events, name, runner.EventRemoved)
		cancel()
		for range events { // closed, or the test never ends
		}
	})
}

// expect waits for an event about name, which must be of this kind. Tests run
// side by side, so others have theirs in between.
func (b *bench) expect(events <-chan runner.Event, name string, kind runner.EventKind) {
	b.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case ev, ok := <-events:
			switch {
			case !ok:
				b.t.Fatal("the events ended")
			case ev.Name != name:
			case ev.Kind != kind || ev.ReplicaID != "rep_1":
				b.t.Fatalf("%+v, want %s", ev, kind)
			default:
				return
			}
		case <-deadline:
			b.t.Fatalf("no %s of %s", kind, name)
		}
	}
}

func (s *suite) networks(t *testing.T) {
	t.Run("ensuring twice finds the same, and each has a gateway of its own", func(t *testing.T) {
		t.Parallel()
		b, other := s.bench(t), s.bench(t)
		first, err1 := b.EnsureNetwork(t.Context(), b.network)
		again, err2 := s.New(t, s.installation).EnsureNetwork(t.Context(), b.network)
		second, err3 := b.EnsureNetwork(t.Context(), other.network)
		if err := errors.Join(err1, err2, err3); err != nil {
			t.Fatal(err)
		}
		if first != again || first.Name != b.network {
			t.Errorf("first %+v, again %+v", first, again)
		}
		if first.Gateway.IsValid() && first.Gateway == second.Gateway {
			t.Errorf("%+v and %+v", first, second)
		}
		all, err := b.Networks(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		listed := 0
		for _, n := range all {
			if n == first || n == second {
				listed++
			}
		}
		if listed != 2 {
			t.Errorf("%d of 2 are listed in %+v", listed, all)
		}
	})
	t.Run("one with a container is not removed", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		spec := b.spec()
		b.create(spec)
		wantErr(t, "RemoveNetwork", b.RemoveNetwork(t.Context(), b.network), runner.ErrInUse)
		b.start(spec.Name)
		wantErr(t, "RemoveNetwork", b.RemoveNetwork(t.Context(), b.network), runner.ErrInUse)
	})
	t.Run("removing twice is no error", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		for range 2 {
			if err := b.RemoveNetwork(t.Context(), b.network); err != nil {
				t.Errorf("RemoveNetwork: %v", err)
			}
		}
	})
	t.Run("a name that could not be one is refused", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		_, err := b.EnsureNetwork(t.Context(), "../net")
		wantErr(t, "EnsureNetwork", err, runner.ErrSpec)
		if err := b.RemoveNetwork(t.Context(), "../net"); err != nil {
			t.Errorf("RemoveNetwork: %v", err)
		}
	})
}

func (s *suite) images(t *testing.T) {
	t.Run("a present one is described", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		img, err := b.Image(t.Context(), s.image)
		if err != nil || img.ID != s.image || img.Size <= 0 || len(img.Cmd) == 0 || img.Cmd[0] != s.Program || img.Local != "" {
			t.Errorf("Image: %+v, %v", img, err)
		}
	})
	t.Run("what is no image is not found", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		for _, id := range []string{"", "sha256:" + zeros, "no/such/image:ever", "../containers", "a b", "UPPER", strings.Repeat("x", 9000), "sha256:short"} {
			_, err := b.Image(t.Context(), id)
			wantErr(t, fmt.Sprintf("Image(%.20q)", id), err, runner.ErrImageNotFound)
			if err := b.RemoveImage(t.Context(), id); err != nil {
				t.Errorf("RemoveImage(%.20q): %v", id, err)
			}
		}
	})
	t.Run("one with a container is not removed", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		b.create(b.spec())
		wantErr(t, "RemoveImage", b.RemoveImage(t.Context(), s.image), runner.ErrInUse)
		if _, err := b.Image(t.Context(), s.image); err != nil {
			t.Errorf("Image: %v", err)
		}
	})
}

func (s *suite) strangers(t *testing.T) {
	t.Parallel()
	b := s.bench(t)
	name := b.serving()
	theirs := &bench{Runner: s.New(t, s.installation+"-other"), t: t, suite: s}
	theirs.absent(name)
	for doing, err := range map[string]error{
		"Stop":          theirs.Stop(t.Context(), name, 0),
		"Remove":        theirs.Remove(t.Context(), name),
		"RemoveNetwork": theirs.RemoveNetwork(t.Context(), b.network),
	} {
		if err != nil {
			t.Errorf("%s: %v", doing, err)
		}
	}
	all, err := theirs.Networks(t.Context())
	if err != nil || len(all) > 0 {
		t.Errorf("Networks: %+v, %v", all, err)
	}
	if s.SharedNames {
		_, err := theirs.EnsureNetwork(t.Context(), b.network)
		wantErr(t, "EnsureNetwork", err, runner.ErrNameTaken)
		theirs.network = s.name("net")
		if _, err := theirs.EnsureNetwork(t.Context(), theirs.network); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = theirs.RemoveNetwork(theirs.late(), theirs.network) }()
		spec := theirs.spec()
		spec.Name = name
		_, err = theirs.Create(t.Context(), spec)
		wantErr(t, "Create", err, runner.ErrNameTaken)
		spec.Name, spec.Network = s.name("app"), b.network
		_, err = theirs.Create(t.Context(), spec)
		wantErr(t, "Create in a network of others", err, runner.ErrNetworkNotFound)
	}
	b.answers(name)
}

func (s *suite) limits(t *testing.T) {
	t.Parallel()
	b := s.bench(t)
	info, err := b.Info(t.Context())
	if err != nil || info.Backend == "" || info.Version == "" || !strings.Contains(info.Platform, "/") {
		t.Fatalf("Info: %+v, %v", info, err)
	}
	if !info.Limits.Memory {
		t.Log("no limit of memory here")
		return
	}
	spec := b.spec()
	spec.Memory = 64 << 20
	b.create(spec)
	b.start(spec.Name)
	b.answers(spec.Name)
	if res, err := http.Get("http://" + b.inspect(spec.Name).Addr.String() + "/oom?mb=256"); err == nil {
		res.Body.Close()
		t.Error("the application survived")
	}
	if c := b.exited(spec.Name); !c.OOMKilled || c.ExitCode != 137 {
		t.Errorf("out of memory: %+v", c)
	}
	b.start(spec.Name)
	b.answers(spec.Name)
	if err := b.Stop(t.Context(), spec.Name, patience); err != nil {
		t.Fatal(err)
	}
	if c := b.inspect(spec.Name); c.OOMKilled || c.ExitCode != 0 {
		t.Errorf("a second run with memory enough: %+v", c)
	}
}

func (s *suite) contexts(t *testing.T) {
	t.Parallel()
	b := s.bench(t)
	name := b.started("-listen=none")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	spec := b.spec()
	for doing, call := range map[string]func() error{
		"Info":          func() error { _, err := b.Info(ctx); return err },
		"Pull":          func() error { _, err := b.Pull(ctx, "no/such/image:ever", nil, nil); return err },
		"Image":         func() error { _, err := b.Image(ctx, s.image); return err },
		"RemoveImage":   func() error { return b.RemoveImage(ctx, "sha256:"+zeros) },
		"EnsureNetwork": func() error { _, err := b.EnsureNetwork(ctx, b.network); return err },
		"Networks":      func() error { _, err := b.Networks(ctx); return err },
		"RemoveNetwork": func() error { return b.RemoveNetwork(ctx, b.network) },
		"Create":        func() error { _, err := b.Create(ctx, spec); return err },
		"Start":         func() error { return b.Start(ctx, name) },
		"Attach":        func() error { _, err := b.Attach(ctx, name); return err },
		"Logs":          func() error { _, err := b.Logs(ctx, name, runner.Position{}, true); return err },
		"Exec":          func() error { _, err := b.Exec(ctx, name, []string{s.Program}); return err },
		"Inspect":       func() error { _, err := b.Inspect(ctx, name); return err },
		"List":          func() error { _, err := b.List(ctx); return err },
		"Stop":          func() error { return b.Stop(ctx, name, patience) },
		"Remove":        func() error { return b.Remove(ctx, name) },
		"Events":        func() error { _, err := b.Events(ctx); return err },
	} {
		wantErr(t, doing, call(), context.Canceled)
	}
	if c := b.inspect(name); c.State != runner.Running {
		t.Errorf("it no longer runs: %+v", c)
	}
}
