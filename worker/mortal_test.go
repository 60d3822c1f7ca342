package worker

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/davitdev/davit/internal/build"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/runner"
)

// mortal is a process that dies: before or after its nth step that changes
// anything, a commit or a call of the engine or of the builder. From then on
// nothing it asks for is done, and nothing is answered until the test is over
// with it, as if the process were gone.
type mortal struct {
	runner.Runner // the engine as the process sees it
	build.Builder // likewise

	left atomic.Int64
	late bool // the last step is carried out
	dead chan struct{}
	over context.Context //nolint:containedctx // of the test
	end  context.CancelFunc
}

// mortal makes one that dies at its nth step.
func (h *house) mortal(n int, late bool) *mortal {
	m := &mortal{Runner: h.fake, Builder: h.builder, late: late, dead: make(chan struct{})}
	m.over, m.end = context.WithCancel(context.WithoutCancel(h.ctx))
	h.t.Cleanup(m.end)
	m.left.Store(int64(n))
	return m
}

// dies reports whether the process has died.
func (m *mortal) died() bool {
	select {
	case <-m.dead:
		return true
	default:
		return false
	}
}

// alive reports whether the process does what it is asked for. While the last
// step is carried out it does, because that one may ask for more.
func (m *mortal) alive() bool { return m.left.Load() > 0 || m.late && !m.died() }

// step does something that counts. abandon is what becomes of it when the
// process dies in the middle.
func (m *mortal) step(do func() error, abandon func()) error {
	n := m.left.Add(-1)
	if n != 0 && m.alive() {
		return do()
	}
	if n == 0 {
		if m.late {
			_ = do()
		}
		close(m.dead)
	}
	return m.silence(abandon)
}

func (m *mortal) silence(abandon func()) error {
	abandon()
	<-m.over.Done()
	return context.Cause(m.over)
}

// call is a step of the engine.
func (m *mortal) call(do func() error) error { return m.step(do, func() {}) }

// rows is the database as the process sees it.
func (m *mortal) rows(db *store.DB) *store.DB {
	return db.Through(func(_ context.Context, s store.Step, do func() error) error {
		switch {
		case s.Write:
			return m.step(do, s.Abandon)
		case m.alive():
			return do()
		default:
			return m.silence(s.Abandon)
		}
	})
}

func (m *mortal) Build(ctx context.Context, req build.Request, sink build.Sink) (r build.Result, err error) {
	err = m.call(func() (err error) { r, err = m.Builder.Build(ctx, req, sink); return err })
	return r, err
}

func (m *mortal) Pull(ctx context.Context, ref string, c *runner.Credential, p func(runner.Progress)) (i runner.Image, err error) {
	err = m.call(func() (err error) { i, err = m.Runner.Pull(ctx, ref, c, p); return err })
	return i, err
}

func (m *mortal) EnsureNetwork(ctx context.Context, name string) (n runner.Network, err error) {
	err = m.call(func() (err error) { n, err = m.Runner.EnsureNetwork(ctx, name); return err })
	return n, err
}

func (m *mortal) RemoveNetwork(ctx context.Context, name string) error {
	return m.call(func() error { return m.Runner.RemoveNetwork(ctx, name) })
}

func (m *mortal) Create(ctx context.Context, s runner.Spec) (c runner.Container, err error) {
	err = m.call(func() (err error) { c, err = m.Runner.Create(ctx, s); return err })
	return c, err
}

func (m *mortal) Start(ctx context.Context, name string) error {
	return m.call(func() error { return m.Runner.Start(ctx, name) })
}

func (m *mortal) Stop(ctx context.Context, name string, grace time.Duration) error {
	return m.call(func() error { return m.Runner.Stop(ctx, name, grace) })
}

func (m *mortal) Remove(ctx context.Context, name string) error {
	return m.call(func() error { return m.Runner.Remove(ctx, name) })
}

func (m *mortal) RemoveImage(ctx context.Context, id string) error {
	return m.call(func() error { return m.Runner.RemoveImage(ctx, id) })
}
