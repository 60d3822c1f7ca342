package logs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// flushTurn is how many batches of a stream are written before it is the next
// one's turn.
const flushTurn = 16

// flush writes what is queued of s to the spool and then shows it to who
// follows: nothing is shown that a crash could take back.
func (l *Log) flush(s *stream) error {
	s.spooling.Lock()
	defer s.spooling.Unlock()
	for range flushTurn {
		p := s.queue.take()
		if p == nil {
			return nil
		}
		b := p.block(&s.Stream)
		if err := l.spool(s, b); err != nil {
			return err
		}
		for _, place := range s.group.publish(s, &b) {
			l.shown.add(s.group, place)
		}
		for l.ringBytes.Load() > l.opts.RingBytes && l.shown.dropFirst() {
		}
		if _, ok := s.full(); ok {
			l.seals.add(s)
		}
		l.queued.Add(-int64(s.queue.done()))
	}
	l.dirty.add(s)
	return nil
}

// ringOrder remembers in which order chunks went into rings.
type ringOrder struct {
	places []ringPlace
	limit  int // when to look for places that are gone
}

type ringPlace struct {
	group *group
	place int64
}

func (o *ringOrder) add(g *group, place int64) {
	if len(o.places) >= o.limit {
		kept := o.places[:0]
		for _, p := range o.places {
			if p.group.hasChunk(p.place) {
				kept = append(kept, p)
			}
		}
		clear(o.places[len(kept):])
		o.places = kept
		o.limit = 2*len(kept) + 1024
	}
	o.places = append(o.places, ringPlace{g, place})
}

// dropFirst forgets the oldest chunk of all. It reports whether there may be
// more.
func (o *ringOrder) dropFirst() bool {
	if len(o.places) == 0 {
		return false
	}
	p := o.places[0]
	o.places = o.places[1:]
	p.group.dropChunk(p.place)
	return true
}

func (g *group) hasChunk(place int64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return place >= g.ring.base
}

func (g *group) dropChunk(place int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if place >= g.ring.base {
		g.ringBytes.Add(-int64(g.ring.dropFirst()))
	}
}

// syncEvery is how long a line may wait until it survives a power cut.
const syncEvery = time.Second

// disk is what has to be done to files a little later.
type disk struct {
	ready chan struct{} // has a value when there is something

	mu     sync.Mutex
	dirty  map[string]bool // paths to sync
	unlink []string        // spool files whose lines the store has
}

func newDisk() disk { return disk{ready: make(chan struct{}, 1), dirty: map[string]bool{}} }

func (l *Log) touch(path string) { l.later(func(d *disk) { d.dirty[path] = true }) }

// touchDirs is touch for a source's directory and those it lies in.
func (l *Log) touchDirs(dir string) {
	l.touch(dir)
	l.touch(filepath.Dir(dir))
	l.touch(l.root)
}

func (l *Log) unlinkLater(path string) {
	l.later(func(d *disk) { d.unlink = append(d.unlink, path) })
}

func (l *Log) later(note func(*disk)) {
	l.disk.mu.Lock()
	note(&l.disk)
	l.disk.mu.Unlock()
	select {
	case l.disk.ready <- struct{}{}:
	default:
	}
}

func (l *Log) syncLoop(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.disk.ready:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(syncEvery):
		}
		l.settleStore(ctx)
		if err := l.syncSpool(); err != nil {
			l.log.WarnContext(ctx, "the log cannot be synced, trying again", slog.Any("err", err))
		}
	}
}

// settleStore removes the spool files whose lines are in the store, once they
// are there for good. A store that is away keeps them here.
func (l *Log) settleStore(ctx context.Context) {
	l.disk.mu.Lock()
	unlink := l.disk.unlink
	l.disk.unlink = nil
	l.disk.mu.Unlock()

	if err := l.store.Sync(ctx); err != nil {
		if ctx.Err() == nil {
			l.log.WarnContext(ctx, "the log store cannot be synced, trying again", slog.Any("err", err))
		}
		for _, path := range unlink {
			l.unlinkLater(path)
		}
		return
	}
	for _, path := range unlink {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			l.log.WarnContext(ctx, "a spool file cannot be removed", slog.Any("err", err))
		}
		l.files.forget(path)
	}
}

// syncSpool makes every line taken so far survive a power cut.
func (l *Log) syncSpool() error {
	l.disk.mu.Lock()
	dirty := l.disk.dirty
	l.disk.dirty = map[string]bool{}
	l.disk.mu.Unlock()

	var errs []error
	for path := range dirty {
		if err := syncPath(path); err != nil {
			errs = append(errs, fmt.Errorf("sync the spool: %w", err))
			l.touch(path)
		}
	}
	return errors.Join(errs...)
}
