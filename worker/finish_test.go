package worker

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/logs"
	"github.com/davitdev/davit/internal/store/storetest"
	"github.com/davitdev/davit/runner"
	"github.com/davitdev/davit/runner/runnertest"
)

// printed is a container that prints lines as soon as it starts, and who records
// them in a log of its own.
type printed struct {
	*house
	rec *Recorder
	by  printer
}

func (h *house) printed(lines int, o logs.Options, env ...string) *printed {
	h.t.Helper()
	o.Dir, o.Logger = h.logDir, h.log
	book, err := logs.Open(h.ctx, o)
	if err != nil {
		h.t.Fatal(err)
	}
	p := &printed{h, &Recorder{Logs: book, Runner: h.fake, Log: h.log}, printer{
		id: ident.New(ident.Replica), container: "davit-rep-printer", source: sourceOf(ident.New(ident.Instance), ident.New(ident.Deployment)),
	}}
	p.by.replica = p.by.id
	h.t.Cleanup(func() {
		p.rec.Close()
		if err := book.Close(context.WithoutCancel(h.ctx)); err != nil {
			h.t.Error(err)
		}
	})
	ref := h.version("prints", func(i *runnertest.FakeImage) {
		for _, v := range append(env, "APP_PRINT="+strconv.Itoa(lines)) {
			name, value, _ := strings.Cut(v, "=")
			i.Env[name] = value
		}
	})
	image, err := h.fake.Pull(h.ctx, ref, nil, func(runner.Progress) {})
	if err != nil {
		h.t.Fatal(err)
	}
	network, err := h.fake.EnsureNetwork(h.ctx, "net")
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := h.fake.Create(h.ctx, runner.Spec{Name: p.by.container, ReplicaID: p.by.id, Image: image.ID, Network: network.Name}); err != nil {
		h.t.Fatal(err)
	}
	return p
}

// runs runs the container to its end.
func (p *printed) runs() {
	p.t.Helper()
	if err := p.fake.Start(p.ctx, p.by.container); err != nil {
		p.t.Fatal(err)
	}
	if err := p.fake.Stop(p.ctx, p.by.container, 0); err != nil {
		p.t.Fatal(err)
	}
}

// finish is Finish, which is to take no longer than tests wait.
func (p *printed) finish() error {
	ctx, cancel := context.WithTimeout(p.ctx, 10*time.Second)
	defer cancel()
	return p.rec.Finish(ctx, p.by, nil)
}

// page is what the log has, once a remark, if it is to have one, is in it, and
// the gap that it speaks of.
func (p *printed) page(remark bool) (page *logs.Page, numbered int) {
	p.t.Helper()
	p.until("all is in the log", func() (there bool) {
		var err error
		if page, err = p.rec.Logs.Query(p.ctx, logs.Query{Source: p.by.source, Limit: 1000}); err != nil {
			p.t.Fatal(err)
		}
		numbered, there = 0, !remark
		for _, l := range page.Lines {
			if strings.HasPrefix(l.Message, "line ") {
				numbered++
			}
			there = there || strings.Contains(l.Message, "are not recorded")
		}
		return there && (!remark || len(page.Gaps) > 0)
	})
	return page, numbered
}

// Whoever goes live does not wait for the log of what it replaces: what is not
// recorded in time is left out, and that is said.
func TestTheEndOfAnOutputMayBeLeftOut(t *testing.T) {
	t.Parallel()

	leftOut := func(t *testing.T, p *printed) {
		t.Helper()
		page, numbered := p.page(true)
		if numbered == 0 || numbered >= 900 || len(page.Gaps) == 0 || page.Gaps[0].Reason != logs.StoreUnavailable {
			t.Errorf("%d lines of 900, and the gaps are %+v", numbered, page.Gaps)
		}
	}
	t.Run("of what printed more than the log takes", func(t *testing.T) {
		t.Parallel()
		p := newHouse(t, storetest.SQLite(t)).printed(900, logs.Options{StreamQueueBytes: 64})
		p.rec.CatchUp = time.Nanosecond
		p.runs()
		if err := p.finish(); err != nil {
			t.Fatal(err)
		}
		leftOut(t, p)
	})
	t.Run("when the log is stuck", func(t *testing.T) {
		t.Parallel()
		p := newHouse(t, storetest.SQLite(t)).printed(900, logs.Options{StreamQueueBytes: 4 << 10})
		p.rec.CatchUp = time.Second // in which some of it is taken
		if err := p.rec.Follow(p.ctx, p.by, nil); err != nil {
			t.Fatal(err)
		}
		disk := filepath.Join(p.logDir, p.by.source.Group) // in place of a directory
		if err := os.WriteFile(disk, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		p.runs()
		err := p.finish()
		if rerr := os.Remove(disk); rerr != nil {
			t.Fatal(rerr)
		}
		if err != nil {
			t.Fatal(err)
		}
		leftOut(t, p)
	})
}

// mute is an engine that does not answer for what is printed, and says so after
// a while.
type mute struct {
	runner.Runner
	after time.Duration
}

func (m mute) Logs(ctx context.Context, _ string, _ runner.Position, _ bool) (runner.Stream, error) {
	if err := pause(ctx, m.after); err != nil {
		return nil, err
	}
	return nil, runner.ErrUnavailable
}

// An engine that hangs says nothing about the log: the end is recorded when it
// answers again.
func TestTheEndOfAnOutputIsNotGivenUpForAnEngineThatHangs(t *testing.T) {
	t.Parallel()

	p := newHouse(t, storetest.SQLite(t)).printed(900, logs.Options{})
	p.runs()
	p.rec.CatchUp = 50 * time.Millisecond
	p.rec.Runner = mute{p.fake, 4 * p.rec.CatchUp}
	if err := p.finish(); !errors.Is(err, runner.ErrUnavailable) {
		t.Errorf("while it hangs: %v", err)
	}
	p.rec.Runner, p.rec.CatchUp = p.fake, patience // the log has its time again
	if err := p.finish(); err != nil {
		t.Fatal(err)
	}
	if page, numbered := p.page(false); numbered != 900 || len(page.Gaps) != 0 {
		t.Errorf("%d lines of 900, and the gaps are %+v", numbered, page.Gaps)
	}
}

// What an engine that was killed took along, and nobody followed, is not silent
// because its container is removed.
func TestTheEndOfAnOutputSaysThatItsEngineWasKilled(t *testing.T) {
	t.Parallel()

	p := newHouse(t, storetest.SQLite(t)).printed(9, logs.Options{})
	if err := p.fake.Start(p.ctx, p.by.container); err != nil {
		t.Fatal(err)
	}
	p.fake.Restart()
	p.rec.CatchUp = patience
	if err := p.finish(); err != nil {
		t.Fatal(err)
	}
	if page, numbered := p.page(false); numbered != 9 || len(page.Gaps) != 1 || page.Gaps[0].Reason != logs.EngineAway {
		t.Errorf("%d lines of 9, and the gaps are %+v", numbered, page.Gaps)
	}
}
