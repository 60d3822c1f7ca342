package logs

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/davitdev/davit/internal/fault"
)

// ending is the file that says that a source has ended. A source without one
// is open, also when the process that wrote to it was killed.
type ending struct {
	Reason EndReason `json:"reason"`
	// UnixNano is when it ended: no line is younger.
	UnixNano int64 `json:"unixNano"`
	// Streams is above the numbers of all its streams.
	Streams uint64 `json:"streams"`
	// Retired says that retention took all its lines.
	Retired bool `json:"retired,omitempty"`
}

const endingFile = "ended"

func readEnding(root string, src Source) (*ending, error) {
	b, err := os.ReadFile(filepath.Join(sourceDir(root, src), endingFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // nil is open
	}
	if err != nil {
		return nil, fmt.Errorf("read how a source ended: %w", err)
	}
	var end ending
	if err := json.Unmarshal(b, &end); err != nil {
		return nil, fmt.Errorf("read how %s ended: %w", src.ID, err)
	}
	return &end, nil
}

func (l *Log) writeEnding(src Source, end *ending) error {
	b, err := json.Marshal(end)
	if err != nil {
		return fmt.Errorf("end a source: %w", err)
	}
	dir := sourceDir(l.root, src)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("end a source: %w", err)
	}
	if err := writeFile(filepath.Join(dir, endingFile), b); err != nil {
		return fmt.Errorf("end a source: %w", err)
	}
	l.touchDirs(dir)
	return nil
}

// group returns the group, which may be empty.
func (l *Log) group(id string) *group {
	l.mu.Lock()
	defer l.mu.Unlock()
	g, ok := l.groups[id]
	if !ok {
		g = &group{
			id: id, numbers: l.numbers, ringBytes: &l.ringBytes, closing: l.closed, closed: l.closed,
			sources: map[string]*source{}, removed: map[string]bool{},
		}
		l.groups[id] = g
	}
	return g
}

func errRemoved(src Source) error {
	return fault.New(fault.NotFound, "The log of %s was removed.", src.ID)
}

func errShutdown() error {
	return fault.New(fault.Unavailable, "The server is shutting down.")
}

// entry returns the source, which may not be loaded.
func (g *group) entry(src Source) (*source, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.closing:
		return nil, errShutdown()
	case g.gone || g.removed[src.ID]:
		return nil, errRemoved(src)
	}
	s, ok := g.sources[src.ID]
	if !ok {
		s = &source{Source: src}
		g.sources[src.ID] = s
	}
	return s, nil
}

// loaded makes sure that src is loaded. Unlike source it does not wait for
// whoever changes the life of a source that is.
func (l *Log) loaded(ctx context.Context, src Source) error {
	g := l.group(src.Group)
	s, err := g.entry(src)
	if err != nil {
		return err
	}
	g.mu.Lock()
	loaded := s.loaded
	g.mu.Unlock()
	if loaded {
		return nil
	}
	return l.source(ctx, src, func(*group, *source) error { return nil })
}

// source calls fn with a loaded source; nobody else changes its life in the
// meantime, so fn waits for no disk that may be full.
func (l *Log) source(ctx context.Context, src Source, fn func(*group, *source) error) error {
	g := l.group(src.Group)
	s, err := g.entry(src)
	if err != nil {
		return err
	}
	s.life.Lock()
	defer s.life.Unlock()
	g.mu.Lock()
	loaded, removed := s.loaded, g.removed[src.ID]
	g.mu.Unlock()
	if removed {
		return errRemoved(src)
	}
	if !loaded {
		if err := l.load(ctx, g, s); err != nil {
			return err
		}
	}
	return fn(g, s)
}

// load reads what is on disk of a source that has no streams in memory. The
// caller holds s.life.
func (l *Log) load(ctx context.Context, g *group, s *source) error {
	end, err := readEnding(l.root, s.Source)
	if err != nil {
		return err
	}
	files, err := listFiles(l.root, s.Source, spoolExt)
	if err != nil {
		return err
	}
	if end != nil && len(files) == 0 {
		g.mu.Lock()
		s.end, s.loaded = end, true
		g.mu.Unlock()
		return nil
	}
	streams, err := l.loadStreams(ctx, g, s.Source, files)
	if err != nil {
		return err
	}
	g.mu.Lock()
	s.end, s.streams, s.resident, s.loaded = end, streams, true, true
	g.mu.Unlock()
	for _, st := range streams {
		l.seals.add(st)
	}
	return nil
}

// loadStreams makes the streams of what the store has of src and of its spool
// files.
func (l *Log) loadStreams(ctx context.Context, g *group, src Source, files []file) ([]*stream, error) {
	states, err := l.store.Streams(ctx, src)
	if err != nil {
		return nil, err
	}
	var streams []*stream
	for _, st := range states {
		streams = append(streams, &stream{
			Stream: st.Stream, group: g, stored: st.Last, last: st.Last,
			oldest: st.OldestNano, newest: st.NewestNano, after: st.After,
		})
	}
	for _, f := range files {
		i := slices.IndexFunc(streams, func(s *stream) bool { return s.Number == f.stream.Number })
		if i < 0 {
			i = len(streams)
			streams = append(streams, &stream{Stream: f.stream, group: g})
		}
		s := streams[i]
		t, after, err := l.openSpool(f, s.last+1)
		if err != nil {
			return nil, err
		}
		if t.last <= s.stored && t.last >= t.first { // it was stored before its file could be removed
			l.unlinkLater(t.path)
			continue
		}
		if t.size == 0 { // nothing of it was on the disk when the power went, and perhaps not of those before
			if err := os.Remove(t.path); err != nil {
				return nil, fmt.Errorf("remove an empty spool file: %w", err)
			}
			l.files.forget(t.path)
			continue
		}
		s.spool = append(s.spool, t)
		s.last, s.after = max(s.last, t.last), after
		if t.last >= t.first {
			if s.oldest == 0 {
				s.oldest = t.minNano
			}
			s.newest = t.maxNano
		}
	}
	slices.SortFunc(streams, func(a, b *stream) int { return cmp.Compare(a.Number, b.Number) })
	for _, s := range streams {
		s.queue.next, s.queue.nano, s.queue.after = s.last+1, s.newest, s.after
		if s.after.Ended {
			s.queue.closed = errStreamEnded
		}
	}
	return streams, nil
}
