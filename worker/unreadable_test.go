package worker

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/davitdev/davit/internal/logs"
	"github.com/davitdev/davit/internal/store/storetest"
	"github.com/davitdev/davit/runner"
)

// torn is an engine whose copy of an output is damaged behind its first lines, as
// by a power cut, and stays so.
type torn struct {
	runner.Runner
	lines int
	asked atomic.Int64
}

func (e *torn) Logs(ctx context.Context, name string, from runner.Position, follow bool) (runner.Stream, error) {
	e.asked.Add(1)
	stream, err := e.Runner.Logs(ctx, name, from, follow)
	return &tornStream{stream, e.lines - int(from.Stdout)}, err
}

type tornStream struct {
	runner.Stream
	left int
}

func (s *tornStream) Next() (runner.Frame, error) {
	if s.left--; s.left < 0 {
		return runner.Frame{}, runner.ErrUnreadable
	}
	return s.Stream.Next()
}

// What nobody can read any more holds up neither the end of a container nor its
// next start, nor what it prints from then on.
func TestACopyThatStaysUnreadable(t *testing.T) {
	t.Parallel()

	house := func(t *testing.T) (*printed, *torn) {
		t.Helper()
		p := newHouse(t, storetest.SQLite(t)).printed(9, logs.Options{})
		engine := &torn{Runner: p.fake, lines: 5}
		p.rec.Runner, p.rec.CatchUp = engine, patience
		return p, engine
	}
	end := func(p *printed) {
		p.t.Helper()
		if err := p.rec.wait(p.ctx, p.by.id); err != nil { // or what it was attached to is not read
			p.t.Fatal(err)
		}
		if err := p.finish(); err != nil {
			p.t.Fatal(err)
		}
	}
	sound := func(p *printed, lines int) {
		p.t.Helper()
		page, numbered := p.page(false)
		if numbered != lines || len(page.Gaps) == 0 || slices.ContainsFunc(page.Gaps, func(g *logs.Gap) bool { return g.Reason != logs.StoreUnavailable }) {
			p.t.Errorf("%d lines, want %d, and the gaps are %+v", numbered, lines, page.Gaps)
		}
	}
	t.Run("at the end", func(t *testing.T) {
		t.Parallel()
		p, _ := house(t)
		p.runs()
		end(p)
		sound(p, 5)
	})
	t.Run("before the next start", func(t *testing.T) {
		t.Parallel()
		p, _ := house(t)
		p.runs()
		if err := p.rec.Follow(p.ctx, p.by, nil); err != nil {
			t.Fatal(err)
		}
		p.runs()
		end(p)
		sound(p, 5+9)
	})
	t.Run("while it runs", func(t *testing.T) {
		t.Parallel()
		p, engine := house(t)
		if err := p.fake.Start(p.ctx, p.by.container); err != nil {
			t.Fatal(err)
		}
		if err := p.rec.Follow(p.ctx, p.by, nil); err != nil {
			t.Fatal(err)
		}
		p.until("it is said", func() bool { page, _ := p.page(false); return len(page.Gaps) > 0 })
		if asked := engine.asked.Load(); asked > 3 {
			t.Errorf("the copy was asked for %d times", asked)
		}
		if err := p.fake.Stop(p.ctx, p.by.container, patience); err != nil {
			t.Fatal(err)
		}
		end(p)
		sound(p, 5)
		page, _ := p.page(false)
		if !slices.ContainsFunc(page.Lines, func(l logs.Line) bool { return l.Message == "received terminated" }) {
			t.Error("what it printed after that is not recorded")
		}
	})
}
