package logs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
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

// Close implements Store.
func (e *embedded) Close() error {
	e.indexes.forgetAll()
	return nil
}
