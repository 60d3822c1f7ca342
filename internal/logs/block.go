package logs

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"sort"
)

// Read implements Store.
func (e *embedded) Read(ctx context.Context, s *Stream, r Range, f *Filter, reverse bool) ([]Line, Range, error) {
	x, err := e.extent(s)
	if err != nil {
		return nil, r, err
	}
	signs := signs{extent: x, of: -1, needle: f.needle}
	for work := 0; !r.empty() && work < e.readBytes; {
		if err := ctx.Err(); err != nil {
			return nil, r, err
		}
		rest, looked := signs.skip(r, reverse)
		work += looked
		if rest != r {
			r = rest
			continue
		}
		b, missing, err := x.locate(r, reverse)
		if err != nil {
			return nil, r, err
		}
		var lines []Line
		if b == nil {
			l, err := x.gone(s, missing)
			if err != nil {
				return nil, r, err
			}
			lines = []Line{l}
		} else {
			missing = Range{max(r.From, b.first), min(r.To, b.last())}
			if !signs.exclude(b) {
				if lines, looked, err = e.read(s, b, f); err != nil {
					lines = []Line{e.lost(ctx, s, b, missing, err)}
				}
				work += looked
			}
			lines = f.choose(lines, missing)
		}
		if reverse {
			r.To = missing.From - 1
		} else {
			r.From = missing.To + 1
		}
		if len(lines) > 0 {
			return lines, r, nil
		}
	}
	return nil, r, nil
}

// lost is the gap for a block that cannot be read, because retention was
// faster or because its file is damaged.
func (e *embedded) lost(ctx context.Context, s *Stream, b *blockRef, r Range, err error) Line {
	if errors.Is(err, fs.ErrNotExist) {
		return hole(s, r, b.minNano, RetentionPassed)
	}
	e.log.LogAttrs(ctx, slog.LevelError, "a log block cannot be read",
		slog.String("path", b.path), slog.Int64("at", b.at), slog.Any("err", err))
	return hole(s, r, b.minNano, StoreUnavailable)
}

// read returns the lines of a block, or none if no line of it can pass f, and
// how many bytes that was decided by.
func (e *embedded) read(s *Stream, b *blockRef, f *Filter) (lines []Line, looked int, err error) {
	looked = frameHeader
	if !f.mayPass(&b.frame) {
		return nil, looked, nil
	}
	key := blockKey{b.path, b.at}
	if d, ok := e.cache.get(key); ok {
		return d.lines, looked + int(b.rawText), nil
	}
	gaps := b.severities&(1<<gapsBit) != 0 // pass any search
	err = e.files.use(b.path, func(h *os.File) error {
		if f.Search != "" && !gaps {
			filter, err := readFilter(h, b.at, &b.frame)
			looked += int(b.filter)
			if err == nil && !f.needle.mayBeIn(filter) {
				return nil
			}
			if err != nil && !errors.Is(err, errDamaged) { // without a filter the block is read
				return err
			}
		}
		looked += int(b.rawText)
		body, err := readBody(h, b.at, &b.frame)
		if err != nil {
			return err
		}
		text, err := e.codec.body(&b.frame, body)
		if err != nil || f.Search != "" && !gaps && !f.needle.in(text) {
			return err
		}
		lines, err = e.codec.lines(&b.frame, s, text, body)
		return err
	})
	if err != nil || lines == nil {
		return nil, looked, err
	}
	e.cache.put(key, &decoded{lines: lines})
	return lines, looked, nil
}

// Before implements Store.
func (e *embedded) Before(_ context.Context, s *Stream, unixNano int64) (uint64, error) {
	x, err := e.extent(s)
	if err != nil {
		return 0, err
	}
	b, err := x.before(unixNano)
	if b == nil || err != nil {
		return 0, err
	}
	if b.maxNano < unixNano {
		return b.last(), nil
	}
	lines, _, err := e.read(s, b, &Filter{})
	if errors.Is(err, errDamaged) || errors.Is(err, fs.ErrNotExist) {
		return b.last(), nil // reading it gives a gap
	}
	if err != nil {
		return 0, err
	}
	return before(lines, b.first, unixNano), nil
}

// before returns the seq of the last of lines that is older than unixNano;
// first is that of the first one.
func before(lines []Line, first uint64, unixNano int64) uint64 {
	n := sort.Search(len(lines), func(i int) bool { return lines[i].UnixNano >= unixNano })
	return first + uint64(n) - 1
}
