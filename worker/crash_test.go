package worker

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
	"github.com/davitdev/davit/internal/wake/redistest"
	"github.com/davitdev/davit/runner"
)

// mortal is an engine that a worker dies on: from the nth call that matters on
// nothing it asks for is done, and nothing is ever answered until the test is
// over, as if the process were gone. Half of the time the last call is still
// carried out.
type mortal struct {
	runner.Runner
	left atomic.Int64
	late bool // the last call is carried out
	dead chan struct{}
	over context.Context //nolint:containedctx // of the test
}

func (m *mortal) step(do func() error) error {
	n := m.left.Add(-1)
	if n > 0 {
		return do()
	}
	if n == 0 {
		if m.late {
			_ = do()
		}
		close(m.dead)
	}
	<-m.over.Done()
	return context.Cause(m.over)
}

func (m *mortal) Pull(ctx context.Context, ref string, c *runner.Credential, p func(runner.Progress)) (i runner.Image, err error) {
	err = m.step(func() (err error) { i, err = m.Runner.Pull(ctx, ref, c, p); return err })
	return i, err
}

func (m *mortal) EnsureNetwork(ctx context.Context, name string) (n runner.Network, err error) {
	err = m.step(func() (err error) { n, err = m.Runner.EnsureNetwork(ctx, name); return err })
	return n, err
}

func (m *mortal) Create(ctx context.Context, s runner.Spec) (c runner.Container, err error) {
	err = m.step(func() (err error) { c, err = m.Runner.Create(ctx, s); return err })
	return c, err
}

func (m *mortal) Inspect(ctx context.Context, name string) (c runner.Container, err error) {
	err = m.step(func() (err error) { c, err = m.Runner.Inspect(ctx, name); return err })
	return c, err
}

func (m *mortal) Start(ctx context.Context, name string) error {
	return m.step(func() error { return m.Runner.Start(ctx, name) })
}

func (m *mortal) Stop(ctx context.Context, name string, grace time.Duration) error {
	return m.step(func() error { return m.Runner.Stop(ctx, name, grace) })
}

func (m *mortal) Remove(ctx context.Context, name string) error {
	return m.step(func() error { return m.Runner.Remove(ctx, name) })
}

// A worker dies at every call of the engine in a deployment that replaces
// another one. The next worker finishes it, and no request fails.
func TestEveryCrashIsFinishedByTheNextWorker(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := newHouse(t, db)
		flush := func() {} // the embedded Redis is empty at each start
		if !db.Embedded() {
			server := redistest.Start(t)
			h.redis = server.URL()
			flush = func() {
				if err := server.Client().FlushAll(h.ctx).Err(); err != nil {
					t.Fatal(err)
				}
			}
		}
		first := h.start()
		i := h.service(h.version("v0", nil), nil)
		h.deploy(i, "")
		first.stop()
		stop := h.hammer(i)
		for n := 1; n <= 12; n++ {
			version := fmt.Sprintf("v%d", n)
			d := h.request(i, h.version(version, nil))
			died := h.dies(d.ID, n)
			h.afterwards()
			flush()
			next := h.start()
			flush()
			if d = h.completed(d.ID); *d.Conclusion != lifecycle.Succeeded {
				t.Fatalf("death at call %d: it ended as %s: %+v", n, *d.Conclusion, d.Failure)
			}
			h.running(i, 1)
			h.serves(i, version)
			h.tidy()
			next.stop()
			if !died {
				break // the deployment makes fewer calls
			}
		}
		stop()
	})
}

// dies runs a deployment by a worker that dies at the nth call of the engine,
// if it makes as many. Nothing of the worker goes on.
func (h *house) dies(id string, n int) bool {
	h.t.Helper()
	over, end := context.WithCancel(context.WithoutCancel(h.ctx))
	m := &mortal{Runner: h.fake, late: n%2 == 0, dead: make(chan struct{}), over: over}
	m.left.Store(int64(n))
	h.engine = m
	p := h.idle()
	h.engine = h.fake
	p.Owner = ident.New("own")
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = p.RunDeployment(principal.AsSystem(over), id) // what it says nobody hears
	}()
	died := true
	select {
	case <-m.dead:
		// Its claims outlive it; whoever comes next must be ahead of it.
		if _, err := h.db.Exec(h.ctx, "UPDATE deployments SET epoch = epoch + 1, lease_until = 1 WHERE id = ?", id); err != nil {
			h.t.Fatal(err)
		}
	case <-done:
		died = false
	}
	end()
	<-done
	p.closer()
	return died
}

// afterwards lets the leases of the dead run out.
func (h *house) afterwards() {
	h.t.Helper()
	if err := h.verbs.EndLeases(h.ctx); err != nil {
		h.t.Fatal(err)
	}
}
