package logs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// maxCatalogs bounds how many sources the embedded store remembers the segments
// of.
const maxCatalogs = 256

// readBytes is what an embedded store's is unless it is told otherwise.
const readBytes = 1 << 20

// embedded is the Store in the data directory: per stream a few files of
// compressed blocks. It keeps in memory which files there are, for the sources
// in use, and the blocks read last.
type embedded struct {
	root         string
	segmentBytes int64 // when a segment is full
	readBytes    int   // that a call of Read looks at, and at most a block more
	codec        *codec
	files        *openFiles
	cache        *blockCache
	log          *slog.Logger
	catalogs     *pool[Source, *catalog]

	mu    sync.Mutex
	dirty map[string]bool // paths to sync
}

var _ Store = (*embedded)(nil)

func newEmbedded(root string, segmentBytes int64, c *codec, files *openFiles, cache *blockCache, log *slog.Logger) *embedded {
	e := &embedded{root: root, segmentBytes: segmentBytes, readBytes: readBytes, codec: c, files: files, cache: cache, log: log, dirty: map[string]bool{}}
	e.catalogs = newPool(maxCatalogs, e.loadCatalog, func(*catalog) {})
	return e
}

// Append implements Store.
func (e *embedded) Append(_ context.Context, s *Stream, b Block) error {
	return e.catalogs.use(s.Source, func(x *catalog) error {
		x.mu.Lock()
		c := x.chain(s)
		next, after, path, size := c.next, c.after, c.open, c.size
		x.mu.Unlock()

		if b.last()+1 < next || b.last()+1 == next && b.After == after {
			return nil // it has that, and knows more or the same
		}
		if b.First < next {
			b.First, b.Lines = next, b.Lines[next-b.First:]
		}
		if path == "" || size >= e.segmentBytes {
			if path != "" {
				e.sign(path)
				if err := e.syncFirst(path); err != nil {
					return err
				}
			}
			path, size = segmentPath(e.root, s, b.First), 0
			if err := create(path); err != nil {
				return fmt.Errorf("create a segment: %w", err)
			}
			e.touch(filepath.Dir(path))
		}
		buf := e.codec.append(nil, b, true)
		fr, ok := parseFrame(buf)
		if !ok {
			return fmt.Errorf("append a block of %d lines: %w", len(b.Lines), errDamaged)
		}
		err := e.files.use(path, func(f *os.File) error {
			_, err := f.WriteAt(buf, size)
			return err
		})
		if err != nil {
			return fmt.Errorf("append to a segment: %w", err)
		}
		e.touch(path)

		x.mu.Lock()
		defer x.mu.Unlock()
		c.add(blockRef{frame: fr, path: path, at: size}, int64(len(buf)))
		return nil
	})
}

func (e *embedded) touch(path string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.dirty[path] = true
}

// syncFirst makes a segment survive a power cut before the one behind it is begun:
// what is left of a stream has no hole then.
func (e *embedded) syncFirst(path string) error {
	if err := syncPath(path); err != nil {
		return fmt.Errorf("sync a segment: %w", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.dirty, path)
	return nil
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
	var extents []*extent
	err = e.catalogs.use(src, func(x *catalog) error {
		x.mu.Lock()
		defer x.mu.Unlock()
		for _, number := range slices.Sorted(maps.Keys(x.chains)) {
			c := x.chains[number]
			states = append(states, StreamState{Stream: *c.stream, First: c.next, Last: c.next - 1, NewestNano: c.newest, After: c.after})
			extents = append(extents, e.extentOf(c))
		}
		return nil
	})
	for i, x := range extents {
		b, err := x.head(0)
		if err != nil {
			return nil, err
		}
		if b != nil {
			states[i].First, states[i].OldestNano = b.first, b.minNano
		}
	}
	return states, err
}

// Close implements Store.
func (e *embedded) Close() error {
	e.catalogs.forgetAll()
	return nil
}
