// Package runnertest has a Runner for tests and the suite that every Runner
// must pass.
package runnertest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/davitdev/davit/runner"
)

// Harness is what Conform needs of a backend.
type Harness struct {
	// New returns a runner of the installation. All runners of one harness
	// share what they run on, and two of one installation see the same.
	New func(t *testing.T, installation string) runner.Runner

	// Image returns the ID of an image of the program test/app.
	Image func(t *testing.T) string

	// Build makes an image for an installation as its builder does, different
	// from Image's, and returns its ID.
	Build func(t *testing.T, installation, instance, deployment string) string

	// Program is how that program is called inside the image.
	Program string

	// SharedNames reports that installations share one space of names.
	SharedNames bool

	// Cleanup, if not nil, is called with the installations that were used,
	// once the suite is over.
	Cleanup func(t *testing.T, installations []string)
}

// patience is how long the suite waits for anything to happen.
const patience = 30 * time.Second

// Conform tests that a backend keeps the promises written on runner.Runner.
func Conform(t *testing.T, h Harness) {
	t.Helper()
	id := "conform-" + strings.ToLower(rand.Text()[:8])
	s := &suite{Harness: h, installation: id, image: h.Image(t)}
	if h.Cleanup != nil {
		t.Cleanup(func() { h.Cleanup(t, []string{id, id + "-other"}) })
	}
	for _, part := range []struct {
		name string
		test func(*testing.T)
	}{
		{"create", s.create},
		{"files", s.files},
		{"run", s.run},
		{"end", s.end},
		{"attach", s.attach},
		{"logs", s.logs},
		{"exec", s.exec},
		{"events", s.events},
		{"networks", s.networks},
		{"images", s.images},
		{"strangers", s.strangers},
		{"limits", s.limits},
		{"contexts", s.contexts},
	} {
		t.Run(part.name, part.test)
	}
}

type suite struct {
	Harness
	installation string
	image        string
	made         atomic.Int64
}

// bench is a runner with a network of its own, for one test.
type bench struct {
	runner.Runner
	t       *testing.T
	suite   *suite
	network string
}

func (s *suite) bench(t *testing.T) *bench {
	t.Helper()
	b := &bench{Runner: s.New(t, s.installation), t: t, suite: s, network: s.name("net")}
	if _, err := b.EnsureNetwork(t.Context(), b.network); err != nil {
		t.Fatalf("EnsureNetwork: %v", err)
	}
	t.Cleanup(func() {
		if err := b.RemoveNetwork(b.late(), b.network); err != nil {
			t.Errorf("RemoveNetwork: %v", err)
		}
	})
	return b
}

func (s *suite) name(kind string) string {
	return fmt.Sprintf("%s-%s-%d", s.installation, kind, s.made.Add(1))
}

// late is a context for cleanups, when t.Context has ended.
func (b *bench) late() context.Context { return context.WithoutCancel(b.t.Context()) }

// spec describes a container that runs test/app with these flags.
func (b *bench) spec(flags ...string) runner.Spec {
	return runner.Spec{
		Name: b.suite.name("app"), ReplicaID: "rep_1", Image: b.suite.image, Network: b.network,
		Command: append([]string{b.suite.Program}, flags...), Port: 8080,
	}
}

func (b *bench) create(spec runner.Spec) runner.Container {
	b.t.Helper()
	c, err := b.Create(b.t.Context(), spec)
	if err != nil {
		b.t.Fatalf("Create: %v", err)
	}
	b.t.Cleanup(func() {
		if err := b.Remove(b.late(), spec.Name); err != nil {
			b.t.Errorf("Remove: %v", err)
		}
	})
	return c
}

func (b *bench) start(name string) {
	b.t.Helper()
	if err := b.Start(b.t.Context(), name); err != nil {
		b.t.Fatalf("Start: %v", err)
	}
}

// started creates and starts a container.
func (b *bench) started(flags ...string) string {
	b.t.Helper()
	spec := b.spec(flags...)
	b.create(spec)
	b.start(spec.Name)
	return spec.Name
}

// serving creates and starts a container and waits until it answers.
func (b *bench) serving(flags ...string) string {
	b.t.Helper()
	name := b.started(flags...)
	b.answers(name)
	return name
}

func (b *bench) inspect(name string) runner.Container {
	b.t.Helper()
	c, err := b.Inspect(b.t.Context(), name)
	if err != nil {
		b.t.Fatalf("Inspect: %v", err)
	}
	return c
}

// await inspects until ok.
func (b *bench) await(name, what string, ok func(runner.Container) bool) runner.Container {
	b.t.Helper()
	var c runner.Container
	b.eventually(func(ctx context.Context) (err error) {
		if c, err = b.Inspect(ctx, name); err == nil && !ok(c) {
			err = fmt.Errorf("%s: want %s, it is %+v", name, what, c)
		}
		return err
	})
	return c
}

func (b *bench) exited(name string) runner.Container {
	b.t.Helper()
	return b.await(name, "exited", func(c runner.Container) bool { return c.State == runner.Exited })
}

func (b *bench) answers(name string) {
	b.t.Helper()
	addr := b.inspect(name).Addr
	b.eventually(func(ctx context.Context) error { return runner.Probe(ctx, runner.Check{Path: "/healthz"}, addr) })
}

func (b *bench) eventually(ask func(context.Context) error) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), patience)
	defer cancel()
	if err := runner.WaitHealthy(ctx, runner.Pace{}, ask); err != nil {
		b.t.Fatal(err)
	}
}

// get asks the application for a path and returns status and body.
func (b *bench) get(name, path string) (int, string) {
	b.t.Helper()
	c := b.inspect(name)
	res, err := http.Get("http://" + c.Addr.String() + path)
	if err != nil {
		b.t.Fatalf("GET %s of %+v: %v", path, c, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatalf("GET %s: %v", path, err)
	}
	return res.StatusCode, string(body)
}

// wantErr fails the test unless err is want.
func wantErr(t *testing.T, doing string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", doing, err, want)
	}
}
