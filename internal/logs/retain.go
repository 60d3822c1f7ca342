package logs

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"time"
)

// Retention says what is kept. The zero value keeps everything.
type Retention struct {
	MaxAge time.Duration // older lines go, a segment at a time

	// MaxBytes is of all sources. Those that have ended lose their oldest
	// segments first, then the largest of the others.
	MaxBytes       int64
	MaxSourceBytes int64 // of one source, also of one that has not ended
}

const (
	retainEvery = 10 * time.Minute

	// retainGrowth is the part of MaxBytes that can come, not yet compressed,
	// before retention looks again.
	retainGrowth = 16
)

// grow says that so much went into the store.
func (l *Log) grow(bytes int64) {
	limit := l.opts.Retention.MaxBytes / retainGrowth
	if limit <= 0 || l.grown.Add(bytes) < limit {
		return
	}
	select {
	case l.retainNow <- struct{}{}:
	default:
	}
}

func (l *Log) retainLoop(ctx context.Context) {
	if l.opts.Retention == (Retention{}) {
		return
	}
	tick := time.NewTicker(retainEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-l.retainNow:
		}
		l.grown.Store(0)
		if err := l.Retain(ctx); err != nil && ctx.Err() == nil {
			l.log.WarnContext(ctx, "log retention failed, trying again later", slog.Any("err", err))
		}
	}
}

// held is a source as retention sees it.
type held struct {
	Source

	ended    bool
	bytes    int64
	segments []Segment // that can be dropped one by one, oldest first
	newest   time.Time // when its last line was written
}

// now is the time as it passed since the log was opened: a clock that is set
// ahead meanwhile makes no line old.
func (l *Log) now() time.Time { return l.opened.Round(0).Add(time.Since(l.opened)) }

// Retain drops what Options.Retention no longer keeps. A Log does that by
// itself now and then. The newest segment of each stream says where the stream
// is; it goes only with all of a source that has ended.
func (l *Log) Retain(ctx context.Context) error {
	segments, err := l.store.Segments(ctx)
	if err != nil {
		return err
	}
	sources, total, err := l.hold(segments)
	if err != nil {
		return err
	}
	keep, now := l.opts.Retention, l.now()
	for _, h := range sources {
		before := h.bytes
		if keep.MaxAge > 0 {
			oldest := now.Add(-keep.MaxAge)
			if err := l.dropWhile(ctx, h, func(written time.Time) bool { return written.Before(oldest) }); err != nil {
				return err
			}
		}
		if keep.MaxSourceBytes > 0 {
			if err := l.dropWhile(ctx, h, func(time.Time) bool { return h.bytes > keep.MaxSourceBytes }); err != nil {
				return err
			}
		}
		total -= before - h.bytes
	}
	for _, h := range sources {
		if keep.MaxBytes <= 0 || !h.ended {
			continue
		}
		rest := total - h.bytes
		if err := l.dropWhile(ctx, h, func(time.Time) bool { return rest+h.bytes > keep.MaxBytes }); err != nil {
			return err
		}
		total = rest + h.bytes
	}
	return l.shrink(ctx, sources, total)
}

// shrink drops segments of sources that go on, of the largest first, as long as
// all have more than MaxBytes.
func (l *Log) shrink(ctx context.Context, sources []*held, total int64) error {
	for keep := l.opts.Retention.MaxBytes; keep > 0 && total > keep; {
		var most *held
		for _, h := range sources {
			if !h.ended && len(h.segments) > 0 && (most == nil || h.bytes > most.bytes) {
				most = h
			}
		}
		if most == nil {
			return nil
		}
		before := most.bytes
		if err := l.dropOldest(ctx, most); err != nil {
			return err
		}
		total -= before - most.bytes
	}
	return nil
}

func (l *Log) dropOldest(ctx context.Context, h *held) error {
	s := h.segments[0]
	if err := l.store.Drop(ctx, s); err != nil {
		return err
	}
	h.bytes -= s.Bytes
	h.segments = h.segments[1:]
	return nil
}

// dropWhile drops segments of h, oldest first, while too says that one written
// then is too much, and at last, if it has ended, the rest at once.
func (l *Log) dropWhile(ctx context.Context, h *held, too func(written time.Time) bool) error {
	for len(h.segments) > 0 {
		if !too(h.segments[0].Written) {
			return nil
		}
		if err := l.dropOldest(ctx, h); err != nil {
			return err
		}
	}
	if h.ended && h.bytes > 0 && too(h.newest) {
		h.bytes = 0
		return l.retire(ctx, h.Source)
	}
	return nil
}

// hold sorts segments by source, those written to longest ago first.
func (l *Log) hold(segments []Segment) (sources []*held, total int64, err error) {
	oldestFirst(segments)
	bySource := map[Source]*held{}
	for _, s := range segments {
		h, ok := bySource[s.Stream.Source]
		if !ok {
			end, err := readEnding(l.root, s.Stream.Source)
			if err != nil {
				return nil, 0, err
			}
			h = &held{Source: s.Stream.Source, ended: end != nil}
			bySource[s.Stream.Source] = h
			sources = append(sources, h)
		}
		h.bytes += s.Bytes
		total += s.Bytes
		if s.Written.After(h.newest) {
			h.newest = s.Written
		}
		if !s.Newest {
			h.segments = append(h.segments, s)
		}
	}
	slices.SortFunc(sources, func(a, b *held) int { return a.newest.Compare(b.newest) })
	return sources, total, nil
}

// oldestFirst sorts segments by when they were written. A clock may have been set
// back meanwhile: a segment counts as written no earlier than those before it in
// its stream, so that no stream loses lines in its middle.
func oldestFirst(segments []Segment) {
	slices.SortFunc(segments, func(a, b Segment) int {
		return cmp.Or(cmp.Compare(a.Stream.Number, b.Stream.Number), cmp.Compare(a.First, b.First))
	})
	for i := 1; i < len(segments); i++ {
		before, s := &segments[i-1], &segments[i]
		if s.Stream.Number == before.Stream.Number && s.Written.Before(before.Written) {
			s.Written = before.Written
		}
	}
	slices.SortStableFunc(segments, func(a, b Segment) int { return a.Written.Compare(b.Written) })
}

// retire removes the lines of src, which has ended, and remembers that.
func (l *Log) retire(ctx context.Context, src Source) error {
	return l.source(ctx, src, func(g *group, s *source) error {
		g.mu.Lock()
		end, resident := s.end, s.resident
		g.mu.Unlock()
		if end == nil || resident { // it was reopened, or has lines in the spool
			return nil
		}
		retired := *end
		retired.Retired = true
		if err := l.writeEnding(src, &retired); err != nil {
			return err
		}
		g.mu.Lock()
		s.end = &retired
		g.mu.Unlock()
		return l.store.Remove(ctx, src)
	})
}
