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
	blocks, err := e.blocks(s)
	if err != nil {
		return nil, r, err
	}
	for !r.empty() {
		if err := ctx.Err(); err != nil {
			return nil, r, err
		}
		b, missing := locate(blocks, r, reverse)
		var lines []Line
		if b == nil {
			lines = []Line{gone(s, blocks, missing)}
		} else {
			missing = Range{max(r.From, b.first), min(r.To, b.last())}
			if lines, err = e.read(s, b, f); err != nil {
				lines = []Line{e.lost(ctx, s, b, missing, err)}
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

// gone is the gap for lines that are in no block.
func gone(s *Stream, blocks []blockRef, r Range) Line {
	i := sort.Search(len(blocks), func(i int) bool { return blocks[i].first > r.To })
	switch {
	case len(blocks) == 0:
		return hole(s, r, 0, RetentionPassed)
	case i == 0:
		return hole(s, r, blocks[0].minNano, RetentionPassed)
	}
	return hole(s, r, blocks[i-1].maxNano, StoreUnavailable)
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

// read returns the lines of a block, or none if no line of it can pass f.
func (e *embedded) read(s *Stream, b *blockRef, f *Filter) ([]Line, error) {
	if !f.mayPass(&b.frame) {
		return nil, nil
	}
	key := blockKey{b.path, b.at}
	if d, ok := e.cache.get(key); ok {
		return d.lines, nil
	}
	gaps := b.severities&(1<<gapsBit) != 0 // pass any search
	var lines []Line
	err := e.files.use(b.path, func(h *os.File) error {
		if f.Search != "" && !gaps {
			filter, err := readFilter(h, b.at, &b.frame)
			if err == nil && !f.needle.mayBeIn(filter) {
				return nil
			}
			if err != nil && !errors.Is(err, errDamaged) { // without a filter the block is read
				return err
			}
		}
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
		return nil, err
	}
	e.cache.put(key, &decoded{lines: lines})
	return lines, nil
}

// Before implements Store.
func (e *embedded) Before(_ context.Context, s *Stream, unixNano int64) (uint64, error) {
	blocks, err := e.blocks(s)
	if err != nil {
		return 0, err
	}
	i := sort.Search(len(blocks), func(i int) bool { return blocks[i].minNano >= unixNano }) - 1
	if i < 0 {
		return 0, nil
	}
	b := &blocks[i]
	if b.maxNano < unixNano {
		return b.last(), nil
	}
	lines, err := e.read(s, b, &Filter{})
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

func (e *embedded) blocks(s *Stream) (blocks []blockRef, err error) {
	err = e.indexes.use(s.Source, func(x *index) error {
		blocks = x.blocks(s.Number)
		return nil
	})
	return blocks, err
}
