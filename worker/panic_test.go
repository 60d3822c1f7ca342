package worker

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/davitdev/davit/internal/store/storetest"
	"github.com/davitdev/davit/runner"
)

// faulty is an engine whose methods panic as often as one says.
type faulty struct {
	runner.Runner
	starts, logs atomic.Int64
}

func (e *faulty) Start(ctx context.Context, name string) error {
	if e.starts.Add(-1) >= 0 {
		panic("start")
	}
	return e.Runner.Start(ctx, name)
}

func (e *faulty) Attach(ctx context.Context, name string) (runner.Stream, error) {
	stream, err := e.Runner.Attach(ctx, name)
	return &faultyStream{stream, e}, err
}

type faultyStream struct {
	runner.Stream
	of *faulty
}

func (s *faultyStream) Next() (runner.Frame, error) {
	if s.of.logs.Add(-1) >= 0 {
		panic("next")
	}
	return s.Stream.Next()
}

// A mistake of ours in the work for a replica, or in what follows its output, is an
// error of that alone, and the work is done again.
func TestAPanicEndsNothingElse(t *testing.T) {
	t.Parallel()

	h := newHouse(t, storetest.SQLite(t))
	engine := &faulty{Runner: h.fake}
	h.engine = engine
	p := h.start()
	i := h.service(h.version("v1", nil), nil)
	engine.starts.Store(1)
	engine.logs.Store(1)
	d := h.deploy(i, "")
	if status, body := h.get(h.host(i), "/log?n=3"); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	h.until("it is recorded", func() bool {
		n := 0
		for _, l := range p.output(d) {
			if l == "line 3" {
				n++
			}
		}
		return n == 1
	})
}
