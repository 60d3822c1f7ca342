package logs

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"github.com/davitdev/davit/internal/fault"
)

// ageLoop hands spool files on to the store when they are old, however few
// lines they have, until ctx ends: Loki is to have lines soon, and refuses old
// ones.
func (l *Log) ageLoop(ctx context.Context) {
	if err := l.loadSpooled(ctx); err != nil && ctx.Err() == nil {
		l.log.ErrorContext(ctx, "what is left in the spool cannot be listed; it is when it is read or written", slog.Any("err", err))
	}
	tick := time.NewTicker(l.opts.sealAfter / 4)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			for _, s := range l.resident() {
				if s.closeSpool(now.Add(-l.opts.sealAfter * 3 / 4)) {
					l.seals.add(s)
				}
			}
		}
	}
}

// resident returns the streams in memory.
func (l *Log) resident() (streams []*stream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, g := range l.groups {
		g.mu.Lock()
		for _, src := range g.sources {
			streams = append(streams, src.streams...)
		}
		g.mu.Unlock()
	}
	return streams
}

// loadSpooled loads the sources that have spool files of an earlier process.
func (l *Log) loadSpooled(ctx context.Context) error {
	groups, err := l.Groups()
	if err != nil {
		return err
	}
	var errs []error
	for _, g := range groups {
		ids, err := listDir(filepath.Join(l.root, g))
		if err != nil {
			return err
		}
		for _, id := range ids {
			files, err := listFiles(l.root, Source{g, id}, spoolExt)
			if err == nil && len(files) > 0 && ctx.Err() == nil {
				err = l.loaded(ctx, Source{g, id})
			}
			if err != nil && !fault.Is(err, fault.NotFound) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// closeSpool closes the spool file that grows if it was begun before then, or by
// an earlier process. What its lines say of the time is another clock's. It reports
// whether it did.
func (s *stream) closeSpool(then time.Time) bool {
	s.spooling.Lock() // nobody is adding to the file
	defer s.spooling.Unlock()
	s.group.mu.Lock()
	defer s.group.mu.Unlock()
	n := len(s.spool)
	if n == 0 {
		return false
	}
	t := s.spool[n-1]
	if t.closed || t.last < t.first || t.begun.After(then) {
		return false
	}
	t.closed = true
	s.spool = slices.Clone(s.spool)
	s.spool[n-1] = t
	return true
}
