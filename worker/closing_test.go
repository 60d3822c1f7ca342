package worker

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/logs"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

// closes is EndCommand, which is to take no longer than tests wait.
func (p *printed) closes() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, 10*time.Second)
	defer cancel()
	if err := p.rec.EndCommand(ctx, p.by.source.ID); err != nil || ctx.Err() != nil {
		p.t.Errorf("EndCommand: %v, %v", err, ctx.Err())
	}
}

// feed reads the log to its end.
func (p *printed) feed() (lines []string, why logs.EndReason) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	f, err := p.rec.Logs.Follow(ctx, logs.FollowOptions{Source: p.by.source, Tail: logs.MaxPage})
	for err == nil {
		var item logs.Item
		item, err = f.Next(ctx)
		switch it := item.(type) {
		case *logs.Batch:
			for _, l := range it.Lines {
				lines = append(lines, l.Message)
			}
		case *logs.End:
			why = it.Reason
		}
	}
	if !errors.Is(err, io.EOF) {
		p.t.Fatalf("after %d lines: %v", len(lines), err)
	}
	return lines, why
}

// commandPrinted is printed of a command.
func (h *house) commandPrinted(lines int, o logs.Options) *printed {
	h.t.Helper()
	p := h.printed(lines, o)
	p.by.source = logs.Source{Group: ident.New(ident.Operation)}
	p.by.source.ID = p.by.source.Group
	p.rec.CatchUp = 50 * time.Millisecond
	return p
}

// stalled is a store that answers once it is let go, whatever the context says.
type stalled struct {
	logs.Store

	free chan struct{}
}

func (s stalled) Streams(context.Context, logs.Source) ([]logs.StreamState, error) {
	<-s.free
	return nil, nil
}

func (s stalled) Append(context.Context, *logs.Stream, logs.Block) error { return nil }
func (s stalled) Sync(context.Context) error                             { return nil }
func (s stalled) Close() error                                           { return nil }

// How a command ended is not kept from anybody because its log cannot be
// written: that is closed later.
func TestALogThatCannotBeClosedHoldsNobodyUp(t *testing.T) {
	t.Parallel()

	t.Run("its disk takes nothing", func(t *testing.T) {
		t.Parallel()
		p := newHouse(t, storetest.SQLite(t)).commandPrinted(3, logs.Options{})
		if _, err := p.rec.Logs.Query(p.ctx, logs.Query{Source: p.by.source}); err != nil { // it is known
			t.Fatal(err)
		}
		disk := filepath.Join(p.logDir, p.by.source.Group) // in place of a directory
		if err := os.WriteFile(disk, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		p.runs()
		err := p.finish()
		p.closes()
		p.closes()
		if rerr := os.Remove(disk); rerr != nil {
			t.Fatal(rerr)
		}
		if err != nil {
			t.Fatal(err)
		}
		if lines, why := p.feed(); why != logs.CommandEnded || !slices.Contains(lines, "line 3") {
			t.Errorf("once it does, the log is %q and ends with %q", lines, why)
		}
	})
	t.Run("its store does not answer", func(t *testing.T) {
		t.Parallel()
		store := stalled{free: make(chan struct{})}
		p := newHouse(t, storetest.SQLite(t)).commandPrinted(0, logs.Options{Store: store})
		p.closes()
		close(store.free)
		if _, why := p.feed(); why != logs.CommandEnded {
			t.Errorf("once it does, the log ends with %q", why)
		}
	})
}

// What a process could not close before it ended is closed by a clean-up, and
// nothing else is.
func TestALogThatWasLeftOpenIsClosed(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := newHouse(t, db)
		p := h.start()
		i := h.service(h.version("v1", nil), nil)
		first := h.deploy(i, "")
		second := h.deploy(i, h.version("v2", nil))
		h.until("the first one's log ends", func() bool { return p.ended(first) })
		over := h.ended(h.command(i, time.Minute, "--exit-after", "30ms").ID)
		runs := h.command(i, time.Minute, "--print", "1")
		h.until("it runs", func() bool { return slices.Contains(p.printed(runs), "line 1") })
		p.stop()
		p = h.idle()
		for _, src := range []logs.Source{sourceOf(first.InstanceID, first.ID), {Group: over.ID, ID: over.ID}} {
			if err := p.Recorder.Logs.Reopen(h.ctx, src); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.closeLogs(h.ctx); err != nil {
			t.Fatal(err)
		}
		if !p.ended(first) || !p.closed(over) {
			t.Errorf("of what is over, closed: %v of the deployment, %v of the command", p.ended(first), p.closed(over))
		}
		if p.ended(second) || p.closed(runs) {
			t.Errorf("of what runs, closed: %v of the deployment, %v of the command", p.ended(second), p.closed(runs))
		}
	})
}
