package logs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/davitdev/davit/internal/fault"
)

// End says that nothing more comes from src: its writers are closed, its lines
// go into the store, and its feeds end with reason, BuildEnded, DeploymentEnded
// or CommandEnded, when they have shown all. It returns once everything that
// was taken is in the spool. Ending twice is no error; the first reason stays.
func (l *Log) End(ctx context.Context, src Source, reason EndReason) error {
	if err := src.check(false); err != nil {
		return err
	}
	if reason != BuildEnded && reason != DeploymentEnded && reason != CommandEnded {
		return fault.At("reason", fault.Invalid, "%.32q is not how a source ends.", reason)
	}
	for {
		var writing []*stream
		err := l.source(ctx, src, func(g *group, s *source) (err error) {
			writing, err = l.end(g, s, reason)
			return err
		})
		if err != nil || len(writing) == 0 {
			return err
		}
		for _, s := range writing {
			if err := s.queue.wait(ctx); err != nil {
				return fmt.Errorf("end a source: %w", err)
			}
		}
	}
}

// end ends the streams of s, and s itself once all of them are in the spool; it
// returns those that are not. The caller holds s.life.
func (l *Log) end(g *group, s *source, reason EndReason) (writing []*stream, err error) {
	g.mu.Lock()
	ended, streams := s.end != nil, s.streams
	g.mu.Unlock()
	if ended {
		return nil, nil
	}
	for _, said := range []bool{false, true} { // Davit may have something to say until the others have ended
		for _, st := range streams {
			if (st.Kind == System) != said {
				continue
			}
			if err := l.endStream(st); err != nil {
				return nil, err
			}
			if st.queue.drained() != nil {
				writing = append(writing, st)
			}
		}
		if len(writing) > 0 {
			return writing, nil
		}
	}
	end := &ending{Reason: reason, UnixNano: time.Now().UnixNano(), Streams: l.numbers.peek()}
	if err := l.writeEnding(s.Source, end); err != nil {
		return nil, err
	}
	s.system = nil
	g.mu.Lock()
	s.end = end
	g.wake()
	g.mu.Unlock()
	g.settle(s.ID)
	return nil, nil
}

// endStream does what Writer.End does, whoever writes.
func (l *Log) endStream(s *stream) error {
	s.group.mu.Lock()
	w := s.writer
	s.writer = nil
	s.group.mu.Unlock()
	if w == nil {
		w = &Writer{log: l, stream: s, begun: true}
		w.split.emit = w.emit
	}
	if err := w.locked(w.finish); err != nil && !errors.Is(err, errStreamEnded) {
		return fmt.Errorf("end a source: %w", err)
	}
	return nil
}

// Reopen takes back an End: src can be written again. Its streams that have
// ended stay so; writers begin new ones. Reopening an open source is no error.
func (l *Log) Reopen(ctx context.Context, src Source) error {
	if err := src.check(false); err != nil {
		return err
	}
	return l.source(ctx, src, func(g *group, s *source) error {
		g.mu.Lock()
		open, resident := s.end == nil, s.resident
		g.mu.Unlock()
		if open {
			return nil
		}
		dir := sourceDir(l.root, src)
		if err := os.Remove(filepath.Join(dir, endingFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("reopen a source: %w", err)
		}
		if err := syncPath(dir); err != nil {
			return fmt.Errorf("reopen a source: %w", err)
		}
		var streams []*stream
		if !resident {
			var err error
			if streams, err = l.loadStreams(ctx, g, src, nil); err != nil {
				return err
			}
		}
		g.mu.Lock()
		if !s.resident {
			s.streams, s.resident = streams, true
		}
		s.end = nil
		g.wake()
		g.mu.Unlock()
		return nil
	})
}

// Remove deletes everything of src; its feeds end with SourceRemoved, its
// writers are closed. Removing twice, or what never was, is no error. An id is
// not used again after that.
func (l *Log) Remove(ctx context.Context, src Source) error {
	if err := src.check(false); err != nil {
		return err
	}
	err := l.source(ctx, src, func(g *group, s *source) error {
		g.mu.Lock()
		streams := s.streams
		g.removed[src.ID] = true
		delete(g.sources, src.ID)
		g.wake()
		g.mu.Unlock()
		for _, st := range streams {
			l.discard(st)
		}
		return nil
	})
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	if err := l.store.Remove(ctx, src); err != nil {
		return err
	}
	if err := os.RemoveAll(sourceDir(l.root, src)); err != nil {
		return fmt.Errorf("remove a source: %w", err)
	}
	return nil
}

// discard drops all of a stream that is not in the store, and keeps everybody
// from adding to it.
func (l *Log) discard(s *stream) {
	s.spooling.Lock()
	defer s.spooling.Unlock()
	s.sealing.Lock()
	defer s.sealing.Unlock()
	s.queue.close(ErrClosed)
	l.count(&s.queue, -s.queue.drop())
	s.group.mu.Lock()
	spool := s.spool
	s.spool = nil
	s.group.mu.Unlock()
	for _, t := range spool {
		l.files.forget(t.path)
	}
}

// RemoveGroup removes all sources of a group and the group. Removing twice is
// no error.
func (l *Log) RemoveGroup(ctx context.Context, id string) error {
	if err := (Source{Group: id}).check(true); err != nil {
		return err
	}
	g := l.group(id)
	if err := l.list(g); err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	for _, src := range g.all() {
		if err := l.Remove(ctx, src); err != nil {
			return err
		}
	}
	g.mu.Lock()
	g.gone = true
	g.wake()
	g.mu.Unlock()
	if err := os.RemoveAll(filepath.Join(l.root, id)); err != nil {
		return fmt.Errorf("remove logs: %w", err)
	}
	return nil
}

// all returns the sources known in memory.
func (g *group) all() []Source {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := make([]Source, 0, len(g.sources))
	for _, s := range g.sources {
		out = append(out, s.Source)
	}
	return out
}
