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
