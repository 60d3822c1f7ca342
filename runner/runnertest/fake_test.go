package runnertest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/davitdev/davit/runner"
	"github.com/davitdev/davit/runner/runnertest"
)

func newFake(t *testing.T) *runnertest.Fake {
	t.Helper()
	f := runnertest.NewFake("test")
	t.Cleanup(f.Close)
	return f
}

func TestFakeConforms(t *testing.T) {
	t.Parallel()

	f := newFake(t)
	runnertest.Conform(t, runnertest.Harness{
		New: func(_ *testing.T, installation string) runner.Runner { return f.As(installation) },
		Image: func(t *testing.T) string {
			img, err := f.Pull(t.Context(), "any", nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			return img.ID
		},
		Build: func(t *testing.T, installation, instance, deployment string) string {
			img, err := f.As(installation).Build(t.Context(), "davit/"+instance+":"+deployment, runnertest.FakeImage{})
			if err != nil {
				t.Fatal(err)
			}
			return img.ID
		},
		Program:     runnertest.FakeProgram,
		SharedNames: true,
	})
}

// deploy pulls, creates and starts an image.
func deploy(t *testing.T, f *runnertest.Fake, ref string, env map[string]string) runner.Container {
	t.Helper()
	img, err := f.Pull(t.Context(), ref, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.EnsureNetwork(t.Context(), "net"); err != nil {
		t.Fatal(err)
	}
	spec := runner.Spec{Name: "web", Image: img.ID, Network: "net", Port: 80, Env: env}
	if _, err := f.Create(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	if err := f.Start(t.Context(), spec.Name); err != nil {
		t.Fatal(err)
	}
	c, err := f.Inspect(t.Context(), spec.Name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestFakeBehavesAsToldByImageAndEnvironment(t *testing.T) {
	t.Parallel()

	check := runner.Check{Path: "/healthz"}
	t.Run("never listens", func(t *testing.T) {
		t.Parallel()
		c := deploy(t, newFake(t), "any", map[string]string{"APP_LISTEN": "none"})
		failed, ok := errors.AsType[*runner.ProbeError](runner.Probe(t.Context(), check, c.Addr))
		if !ok || failed.Reason != runner.Refused {
			t.Errorf("%v, want a refusal", failed)
		}
	})
	t.Run("listens late", func(t *testing.T) {
		t.Parallel()
		f := newFake(t)
		f.SetImage("slow", runnertest.FakeImage{ListenAfter: 50 * time.Millisecond})
		c := deploy(t, f, "slow", nil)
		if err := runner.Probe(t.Context(), check, c.Addr); err == nil {
			t.Error("it listens at once")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := runner.WaitHealthy(ctx, runner.Pace{}, func(ctx context.Context) error { return runner.Probe(ctx, check, c.Addr) }); err != nil {
			t.Error(err)
		}
	})
	t.Run("is unhealthy, as its image says", func(t *testing.T) {
		t.Parallel()
		f := newFake(t)
		f.SetImage("sick", runnertest.FakeImage{Env: map[string]string{"APP_UNHEALTHY_FOR": "-1s", "APP_HEALTH_STATUS": "500"}})
		c := deploy(t, f, "sick", nil)
		failed, ok := errors.AsType[*runner.ProbeError](runner.Probe(t.Context(), check, c.Addr))
		if !ok || failed.Status != 500 {
			t.Errorf("%v, want a 500", failed)
		}
	})
	t.Run("exits", func(t *testing.T) {
		t.Parallel()
		c := deploy(t, newFake(t), "any", map[string]string{"APP_EXIT_AFTER": "0s", "APP_EXIT_CODE": "3"})
		if c.State != runner.Exited || c.ExitCode != 3 {
			t.Errorf("%+v", c)
		}
	})
	t.Run("is killed", func(t *testing.T) {
		t.Parallel()
		f := newFake(t)
		c := deploy(t, f, "any", nil)
		f.Kill(c.Name, 137, true)
		if c, err := f.Inspect(t.Context(), c.Name); err != nil || c.State != runner.Exited || !c.OOMKilled {
			t.Errorf("%+v, %v", c, err)
		}
	})
	t.Run("cannot be pulled", func(t *testing.T) {
		t.Parallel()
		f := newFake(t)
		f.SetImage("private", runnertest.FakeImage{PullErr: runner.ErrImageUnauthorized})
		if _, err := f.Pull(t.Context(), "private", nil, nil); !errors.Is(err, runner.ErrImageUnauthorized) {
			t.Errorf("Pull: %v", err)
		}
	})
	t.Run("serves on while the engine is away", func(t *testing.T) {
		t.Parallel()
		f := newFake(t)
		c := deploy(t, f, "any", nil)
		events, err := f.Events(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		f.SetAway(true)
		for range events { // closed, or the test never ends
		}
		if _, err := f.List(t.Context()); !errors.Is(err, runner.ErrUnavailable) {
			t.Errorf("List: %v", err)
		}
		if err := runner.Probe(t.Context(), check, c.Addr); err != nil {
			t.Errorf("Probe: %v", err)
		}
		f.SetAway(false)
		if again, err := f.Inspect(t.Context(), c.Name); err != nil || again != c {
			t.Errorf("%+v, %v", again, err)
		}
	})
}
