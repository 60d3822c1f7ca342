package logs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
)

// view is a stream in a snapshot.
type view struct {
	stream         *Stream
	stored, last   uint64
	oldest, newest int64
	ended          bool
	spool          []spoolFile

	// read is where the reader of the snapshot is.
	read uint64
}

// view returns s as it is now. The caller holds group.mu.
func (s *stream) view() *view {
	return &view{
		stream: &s.Stream, stored: s.stored, last: s.last, oldest: s.oldest, newest: s.newest,
		ended: s.after.Ended, spool: s.spool,
	}
}

// errStale says that a snapshot shows spool files that are in the store by
// now: the reader takes a new one.
var errStale = errors.New("stale snapshot")

// lines reads like Store.Read, from the store or the spool.
func (v *view) lines(ctx context.Context, l *Log, r Range, f *Filter, reverse bool) ([]Line, Range, error) {
	if inStore := (Range{r.From, min(r.To, v.stored)}); !inStore.empty() && (!reverse || inStore.To == r.To) {
		lines, left, err := l.store.Read(ctx, v.stream, inStore, f, reverse)
		if !reverse {
			left.To = r.To
		}
		return lines, left, err
	}
	t, missing := v.spoolFile(r, reverse)
	if t == nil {
		left := r
		if reverse {
			left.To = missing.From - 1
		} else {
			left.From = missing.To + 1
		}
		return []Line{hole(v.stream, missing, v.newest, StoreUnavailable)}, left, nil
	}
	lines, err := l.spooled(v.stream, t)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, r, errStale
	}
	if err != nil {
		return nil, r, fmt.Errorf("read the spool: %w", err)
	}
	part := Range{max(r.From, t.first), min(r.To, t.last)}
	read := func(part Range) []Line { return f.choose(lines, part) }
	if end := t.first + uint64(len(lines)) - 1; end < part.To { // the rest is damaged
		if part.From > end || reverse {
			part.From = max(part.From, end+1)
			read = func(part Range) []Line { return []Line{hole(v.stream, part, v.newest, StoreUnavailable)} }
		} else {
			part.To = end
		}
	}
	if reverse {
		return read(part), Range{r.From, part.From - 1}, nil
	}
	return read(part), Range{part.To + 1, r.To}, nil
}

// spoolFile returns the spool file with the first line of r, or with the last
// if reverse, or else the part of r at that end that lies in none.
func (v *view) spoolFile(r Range, reverse bool) (t *spoolFile, missing Range) {
	missing = r
	for i := range v.spool {
		t := &v.spool[i]
		switch {
		case t.last < t.first || t.last <= v.stored:
		case reverse && t.first <= r.To && t.last >= r.To, !reverse && t.first <= r.From && t.last >= r.From:
			return t, Range{}
		case reverse && t.last < r.To:
			missing.From = max(missing.From, t.last+1)
		case !reverse && t.first > r.From:
			missing.To = min(missing.To, t.first-1)
		}
	}
	if reverse {
		missing.From = max(missing.From, min(r.To, v.stored+1))
	}
	return nil, missing
}

// before returns the seq of the last line older than unixNano, 0 if there is
// none.
func (v *view) before(ctx context.Context, l *Log, unixNano int64) (uint64, error) {
	for i := len(v.spool) - 1; i >= 0; i-- {
		t := &v.spool[i]
		if t.last < t.first || t.last <= v.stored || t.minNano >= unixNano {
			continue
		}
		if t.maxNano < unixNano {
			return t.last, nil
		}
		lines, err := l.spooled(v.stream, t)
		if errors.Is(err, fs.ErrNotExist) {
			return 0, errStale
		}
		if err != nil {
			return 0, fmt.Errorf("read the spool: %w", err)
		}
		return min(t.last, before(lines, t.first, unixNano)), nil
	}
	if v.stored == 0 || v.oldest >= unixNano {
		return 0, nil
	}
	return l.store.Before(ctx, v.stream, unixNano)
}
