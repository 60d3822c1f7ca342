package logs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/url"
	"path/filepath"
	"slices"
	"time"
)

const (
	shipRetry = time.Second
	trimEvery = 10 * time.Second

	// A source's turn ends after so many blocks or so long, and what is noted then
	// is not sent again after a crash.
	shipBlocks = 16
	shipTime   = time.Second
)

// shipLoop hands on to Loki what is appended, and what earlier processes left,
// until ctx ends. What Loki does not take is tried again, with longer and longer
// pauses as long as it takes nothing at all.
func (t *tiered) shipLoop(ctx context.Context) {
	if err := t.listAll(); err != nil {
		t.log.ErrorContext(ctx, "what is to be shipped to loki cannot be listed; it is when it is written to", slog.Any("err", err))
	}
	trim := time.NewTicker(t.trimEvery)
	defer trim.Stop()
	pause, away := t.retry, false
	var again <-chan time.Time
	for {
		ready := t.shipper.ready
		if away {
			ready = nil
		}
		select {
		case <-ctx.Done():
			return
		case <-trim.C:
			t.makeRoom(ctx)
			continue
		case <-again:
			again = nil
			t.shipper.release()
		case <-ready:
		}
		came, err := t.shipAll(ctx)
		if ctx.Err() != nil {
			return
		}
		away = isAway(err)
		_, held := t.shipper.waiting()
		if err != nil || !held {
			t.went(ctx, err)
		}
		if came || !held {
			pause = t.retry
		}
		if held && again == nil {
			again = time.After(pause)
			pause = min(2*pause, 30*t.retry)
		}
	}
}

// went notes how an attempt went, and says so when that changes.
func (t *tiered) went(ctx context.Context, err error) {
	switch change := t.shipper.went(err); {
	case change && err == nil:
		t.log.InfoContext(ctx, "loki takes the logs again")
	case change:
		t.log.WarnContext(ctx, "loki does not take the logs, trying again", slog.Any("err", err))
	}
}

// makeRoom trims. It belongs to the goroutine of shipLoop.
func (t *tiered) makeRoom(ctx context.Context) {
	t.trimmed = time.Now()
	if err := t.trim(ctx); err != nil && ctx.Err() == nil {
		t.log.WarnContext(ctx, "old logs cannot be dropped, trying again", slog.Any("err", err))
	}
}

// listAll lists all sources on disk.
func (t *tiered) listAll() error {
	groups, err := listDir(t.root)
	if err != nil {
		return err
	}
	for _, g := range groups {
		sources, err := listDir(filepath.Join(t.root, g))
		if err != nil {
			return err
		}
		for _, id := range sources {
			t.shipper.add(Source{g, id})
		}
	}
	return nil
}

// shipAll gives each source that is listed a turn. What one fails with does not hold
// up the others, unless it is that Loki cannot be reached. It reports whether Loki
// took something, and fails with what the first one failed with.
func (t *tiered) shipAll(ctx context.Context) (came bool, first error) {
	for listed, _ := t.shipper.waiting(); listed > 0; listed-- {
		src, ok := t.shipper.next()
		if !ok {
			break
		}
		blocks, more, err := t.ship(ctx, src)
		came = came || blocks > 0
		if more {
			t.shipper.add(src)
		}
		if time.Since(t.trimmed) >= t.trimEvery { // a round may take long
			t.makeRoom(ctx)
		}
		if err == nil {
			continue
		}
		t.shipper.hold(src)
		if first == nil {
			first = err
		}
		if ctx.Err() != nil || isAway(err) {
			break
		}
	}
	return came, first
}

// isAnswer reports whether a request failed with what Loki says to it.
func isAnswer(err error) bool {
	var answered *lokiError
	return errors.As(err, &answered) && answered.status/100 != 5
}

// isAway reports whether a request failed because Loki cannot be asked.
func isAway(err error) bool {
	var unreachable *url.Error
	var answered *lokiError
	return errors.As(err, &unreachable) || errors.As(err, &answered) && answered.status/100 == 5
}

// shipTurn is what is shipped of a source before it is the next one's turn.
type shipTurn struct {
	blocks int
	until  time.Time
	more   bool // is left
}

// ship hands on what Loki does not have of src, stream by stream and in order,
// as much as is a turn. It returns how many blocks that was, and whether there are
// more.
func (t *tiered) ship(ctx context.Context, src Source) (blocks int, more bool, err error) {
	t.turn.Lock()
	defer t.turn.Unlock()
	states, err := t.embedded.Streams(ctx, src)
	if err != nil || len(states) == 0 {
		return 0, false, err
	}
	turn := &shipTurn{until: time.Now().Add(shipTime)}
	err = t.records.use(src, func(x *shipped) error {
		var stuck []*Stream // and what follows each, or Loki would find it too old later
		var failed []error
		for i := range states {
			s := &states[i].Stream
			if slices.ContainsFunc(stuck, s.sharesLabels) {
				continue
			}
			if err := t.shipStream(ctx, x, &states[i], turn); err != nil {
				stuck, failed = append(stuck, s), append(failed, err)
			}
			if turn.more || len(failed) > 0 && !isAnswer(failed[len(failed)-1]) {
				break
			}
		}
		return errors.Join(append(failed, x.save())...)
	})
	return turn.blocks, turn.more, err
}

func (t *tiered) shipStream(ctx context.Context, x *shipped, st *StreamState, turn *shipTurn) error {
	s := &st.Stream
	hot, err := t.extent(s)
	if err != nil {
		return err
	}
	next, stamp := x.position(s)
	for b, err := range hot.from(next) {
		if err != nil {
			return err
		}
		if turn.blocks >= shipBlocks || time.Now().After(turn.until) {
			turn.more = true
			return nil
		}
		if stamp, err = t.shipBlock(ctx, x, s, b, next, stamp); err != nil {
			return err
		}
		turn.blocks++
	}
	x.passed(s, st.Last, st.After)
	return nil
}

// shipBlock hands on the lines of a block from next on. A block that is damaged
// is passed over, which is a gap.
func (t *tiered) shipBlock(ctx context.Context, x *shipped, s *Stream, b *blockRef, next uint64, stamp int64) (int64, error) {
	lines, _, err := t.read(s, b, &Filter{})
	if err != nil && !forGood(err) {
		return stamp, fmt.Errorf("read lines %d to %d of %s: %w", b.first, b.last(), s.Source.ID, err)
	}
	if err != nil {
		t.log.ErrorContext(ctx, "a log block cannot be read and does not get to loki", slog.String("path", b.path), slog.Int64("at", b.at), slog.Any("err", err))
		x.passed(s, b.last(), b.after)
		return stamp, nil
	}
	lines = (&Filter{}).choose(lines, Range{max(next, b.first), b.last()})
	if len(lines) == 0 {
		return stamp, nil
	}
	labels, err := t.labelsOf(ctx, x, s)
	if err != nil {
		return stamp, err
	}
	entries := make([]lokiEntry, len(lines))
	last, size := stamp, 0
	for i := range lines {
		size += len(lines[i].Message)
		entries[i] = entryOf(&lines[i], last)
		last = entries[i].stamp
	}
	err = t.loki.push(ctx, labels, entries)
	if errors.Is(err, errRefused) {
		t.shipper.mu.Lock()
		t.shipper.refused += uint64(len(lines)) // or fewer of them: it does not say which
		t.shipper.mu.Unlock()
		t.log.ErrorContext(ctx, "loki refuses log lines for good; they are gaps once they have left this machine",
			slog.String("source", s.Source.ID), slog.Uint64("from", lines[0].Seq), slog.Uint64("to", b.last()), slog.Any("err", err))
		err = nil
	}
	if err != nil {
		return stamp, fmt.Errorf("ship lines %d to %d of %s: %w", lines[0].Seq, b.last(), s.Source.ID, err)
	}
	x.took(s, blockRef{frame: frame{
		first: lines[0].Seq, count: uint32(len(lines)), minNano: lines[0].UnixNano, maxNano: lines[len(lines)-1].UnixNano,
		severities: b.severities, after: b.after, rawText: uint32(size),
	}, at: last})
	return last, nil
}

// forGood reports whether a block that could not be read never can be.
func forGood(err error) bool {
	return errors.Is(err, errDamaged) || errors.Is(err, io.EOF) || errors.Is(err, fs.ErrNotExist)
}

// labelsOf returns the labels of s. Those of its source are asked for once.
func (t *tiered) labelsOf(ctx context.Context, x *shipped, s *Stream) (map[string]string, error) {
	x.mu.Lock()
	known := x.labels
	x.mu.Unlock()
	if known == nil {
		known = map[string]string{}
		if t.labels != nil {
			got, err := t.labels(ctx, s.Source)
			if err != nil {
				return nil, fmt.Errorf("labels of %s: %w", s.Source.ID, err)
			}
			known = got
		}
		x.mu.Lock()
		x.labels = known
		x.mu.Unlock()
	}
	labels := streamLabels(s)
	for name, value := range known {
		if _, ours := labels[name]; !ours && value != "" {
			labels[name] = value
		}
	}
	return labels, nil
}
