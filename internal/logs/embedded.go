package logs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sort"
	"sync"
)

// maxIndexes bounds how many sources the embedded store remembers the blocks
// of.
const maxIndexes = 256

// embedded is the Store in the data directory: per stream a few files of
// compressed blocks. It keeps in memory where blocks are, for the sources in
// use, and the blocks read last.
type embedded struct {
	root         string
	segmentBytes int64 // when a segment is full
	codec        *codec
	files        *openFiles
	cache        *blockCache
	log          *slog.Logger
	indexes      *pool[Source, *index]

	mu    sync.Mutex
	dirty map[string]bool // paths to sync
}

var _ Store = (*embedded)(nil)

func newEmbedded(root string, segmentBytes int64, c *codec, files *openFiles, cache *blockCache, log *slog.Logger) *embedded {
	e := &embedded{root: root, segmentBytes: segmentBytes, codec: c, files: files, cache: cache, log: log, dirty: map[string]bool{}}
	e.indexes = newPool(maxIndexes, e.loadIndex, func(*index) {})
	return e
}

// Append implements Store.
func (e *embedded) Append(_ context.Context, s *Stream, b Block) error {
	return e.indexes.use(s.Source, func(x *index) error {
		x.mu.Lock()
		st := x.stream(s)
		next, after := st.next, st.after
		var current *segmentFile
		if n := len(st.files); n > 0 {
			current = st.files[n-1]
		}
		x.mu.Unlock()

		if b.last()+1 < next || b.last()+1 == next && b.After == after {
			return nil // it has that, and knows more or the same
		}
		if b.First < next {
			b.First, b.Lines = next, b.Lines[next-b.First:]
		}
		if current == nil || current.size >= e.segmentBytes {
			current = &segmentFile{path: segmentPath(e.root, s, b.First), first: b.First}
			if err := create(current.path); err != nil {
				return fmt.Errorf("create a segment: %w", err)
			}
			e.touch(filepath.Dir(current.path))
		}
		buf := e.codec.append(nil, b, true)
		fr, ok := parseFrame(buf)
		if !ok {
			return fmt.Errorf("append a block of %d lines: %w", len(b.Lines), errDamaged)
		}
		err := e.files.use(current.path, func(f *os.File) error {
			_, err := f.WriteAt(buf, current.size)
			return err
		})
		if err != nil {
			return fmt.Errorf("append to a segment: %w", err)
		}
		e.touch(current.path)

		x.mu.Lock()
		defer x.mu.Unlock()
		st.add(blockRef{frame: fr, path: current.path, at: current.size})
		current.size += int64(len(buf))
		if n := len(st.files); n == 0 || st.files[n-1] != current {
			st.files = append(st.files, current)
		}
		return nil
	})
}

func (e *embedded) touch(path string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.dirty[path] = true
}

// Sync implements Store.
func (e *embedded) Sync(context.Context) error {
	e.mu.Lock()
	dirty := e.dirty
	e.dirty = map[string]bool{}
	e.mu.Unlock()
	var errs []error
	for path := range dirty {
		if err := syncPath(path); err != nil {
			e.touch(path)
			errs = append(errs, fmt.Errorf("sync a segment: %w", err))
		}
	}
	return errors.Join(errs...)
}

// Streams implements Store.
func (e *embedded) Streams(_ context.Context, src Source) (states []StreamState, err error) {
	err = e.indexes.use(src, func(x *index) error {
		states = x.states()
		return nil
	})
	return states, err
}

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

// Remove implements Store.
func (e *embedded) Remove(_ context.Context, src Source) error {
	files, err := listFiles(e.root, src, segmentExt)
	if err != nil {
		return err
	}
	e.indexes.forget(src)
	for _, f := range files {
		if err := e.remove(f.path); err != nil {
			return err
		}
	}
	return nil
}

func (e *embedded) remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove a segment: %w", err)
	}
	e.files.forget(path)
	return nil
}

// Segments implements Store.
func (e *embedded) Segments(ctx context.Context) ([]Segment, error) {
	groups, err := listDir(e.root)
	if err != nil {
		return nil, err
	}
	var out []Segment
	for _, g := range groups {
		sources, err := listDir(filepath.Join(e.root, g))
		if err != nil {
			return nil, err
		}
		for _, id := range sources {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			files, err := listFiles(e.root, Source{g, id}, segmentExt)
			if err != nil {
				return nil, err
			}
			for i, f := range files {
				info, err := os.Stat(f.path)
				if errors.Is(err, fs.ErrNotExist) {
					continue
				}
				if err != nil {
					return nil, fmt.Errorf("look at a segment: %w", err)
				}
				newest := i+1 == len(files) || files[i+1].stream.Number != f.stream.Number
				out = append(out, Segment{Stream: f.stream, First: f.first, Bytes: info.Size(), Written: info.ModTime(), Newest: newest})
			}
		}
	}
	return out, nil
}

// Drop implements Store.
func (e *embedded) Drop(_ context.Context, s Segment) error {
	path := segmentPath(e.root, &s.Stream, s.First)
	return e.indexes.use(s.Stream.Source, func(x *index) error {
		x.drop(s.Stream.Number, path)
		return e.remove(path)
	})
}

// Close implements Store.
func (e *embedded) Close() error {
	e.indexes.forgetAll()
	return nil
}
