package worker

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/davitdev/davit/internal/logs"
	"github.com/davitdev/davit/internal/store/storetest"
)

const lastWords = "APP_PARTIAL=panic: boom"

// said is what the log has of standard error.
func (p *printed) said() []string {
	p.t.Helper()
	page, err := p.rec.Logs.Query(p.ctx, logs.Query{Source: p.by.source, Filter: logs.Filter{Streams: []logs.Kind{logs.Stderr}}})
	if err != nil {
		p.t.Fatal(err)
	}
	var lines []string
	for _, l := range page.Lines {
		lines = append(lines, l.Message)
	}
	return lines
}

// A program that ends in the middle of a line has printed that.
func TestALastLineWithoutItsEndIsRecorded(t *testing.T) {
	t.Parallel()

	recorder := func(t *testing.T) *printed {
		t.Helper()
		p := newHouse(t, storetest.SQLite(t)).printed(3, logs.Options{}, lastWords)
		p.rec.CatchUp = patience
		return p
	}
	follow := func(p *printed) {
		p.t.Helper()
		if err := p.rec.Follow(p.ctx, p.by, nil); err != nil {
			p.t.Fatal(err)
		}
	}
	end := func(p *printed, want ...string) {
		p.t.Helper()
		for range 2 { // the second time there is nothing more
			if err := p.finish(); err != nil {
				p.t.Fatal(err)
			}
			if d := cmp.Diff(want, p.said()); d != "" {
				p.t.Errorf("(-want +got)\n%s", d)
			}
		}
	}
	t.Run("of one that nobody followed", func(t *testing.T) {
		t.Parallel()
		p := recorder(t)
		p.runs()
		end(p, "panic: boom")
	})
	t.Run("of one that was followed, also in the excerpt", func(t *testing.T) {
		t.Parallel()
		p := recorder(t)
		follow(p)
		p.runs()
		if err := p.rec.wait(p.ctx, p.by.id); err != nil {
			t.Fatal(err)
		}
		var tail []string
		for _, l := range p.rec.Tail(p.ctx, p.by, 20) {
			tail = append(tail, l.Message)
		}
		if !slices.Contains(tail, "panic: boom") {
			t.Errorf("the excerpt is\n%s", strings.Join(tail, "\n"))
		}
		end(p, "panic: boom")
	})
	t.Run("once, when it is started again", func(t *testing.T) {
		t.Parallel()
		p := recorder(t)
		for range 3 {
			follow(p)
			p.runs()
		}
		end(p, "panic: boom", "panic: boom", "panic: boom")
	})
	t.Run("once, when it is started again by another worker", func(t *testing.T) {
		t.Parallel()
		p := recorder(t)
		for range 3 {
			follow(p)
			p.runs()
			p.rec.Close()
			p.rec = &Recorder{Logs: p.rec.Logs, Runner: p.rec.Runner, Log: p.rec.Log, CatchUp: p.rec.CatchUp}
		}
		end(p, "panic: boom", "panic: boom", "panic: boom")
	})
	t.Run("once, when its engine was killed", func(t *testing.T) {
		t.Parallel()
		p := recorder(t)
		for range 2 {
			if err := p.fake.Start(p.ctx, p.by.container); err != nil {
				t.Fatal(err)
			}
			p.fake.Restart()
			follow(p)
			p.rec.Close()
			p.rec = &Recorder{Logs: p.rec.Logs, Runner: p.rec.Runner, Log: p.rec.Log, CatchUp: p.rec.CatchUp}
		}
		end(p, "panic: boom", "panic: boom")
	})
}
