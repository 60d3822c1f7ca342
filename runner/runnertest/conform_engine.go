package runnertest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/davitdev/davit/runner"
)

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
	t.Run("what was built is listed, for its installation alone, until it is removed", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		id := s.Build(t, s.installation, "ins_1", "dep_1")
		listed := func(r runner.Runner) int {
			t.Helper()
			list, err := r.Images(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for _, i := range list {
				if i.ID == id && (i.Deployment == "dep_1" || i.Deployment == "") {
					n++
				}
			}
			return n
		}
		if n := listed(b); n != 1 {
			t.Errorf("it is listed %d times", n)
		}
		if n := listed(s.New(t, s.installation+"-other")); n != 0 {
			t.Error("another installation sees it")
		}
		spec := b.spec()
		spec.Image = id
		b.create(spec)
		wantErr(t, "RemoveImage", b.RemoveImage(t.Context(), id), runner.ErrInUse)
		if err := b.Remove(t.Context(), spec.Name); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := b.RemoveImage(t.Context(), id); err != nil {
				t.Errorf("RemoveImage: %v", err)
			}
		}
		if n := listed(b); n != 0 {
			t.Error("it is still listed")
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
		"Images":        func() error { _, err := b.Images(ctx); return err },
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
