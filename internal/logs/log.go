package logs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/davitdev/davit/internal/fault"
)

// Options configure a Log. The zero value of a number is its default.
type Options struct {
	Dir    string // of this Log alone; created if absent
	Store  Store  // nil: the embedded one, in Dir
	Logger *slog.Logger

	QueueBytes       int64 // taken in and not yet in the spool, in all; default 8 MiB
	StreamQueueBytes int64 // the same for one stream; default 1 MiB
	RingBytes        int64 // shown last, for feeds that follow; default 8 MiB
	CacheBytes       int64 // blocks read last; default 16 MiB

	// MaxLag is how many lines a live feed may be behind before it is told of
	// a gap and goes on with the present; 0: any number, it reads them from
	// the store.
	MaxLag int64

	Retention Retention

	spoolBytes   int64 // when a spool file is full; it becomes a block of the store
	segmentBytes int64 // when a segment is full, which is what retention drops at a time
}

func (o Options) withDefaults() Options {
	for _, d := range []struct {
		field *int64
		value int64
	}{
		{&o.QueueBytes, 8 << 20},
		{&o.StreamQueueBytes, 1 << 20},
		{&o.RingBytes, 8 << 20},
		{&o.CacheBytes, 16 << 20},
		{&o.spoolBytes, 256 << 10},
		{&o.segmentBytes, 8 << 20},
	} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	return o
}

// Log takes in, keeps and shows lines. All methods are safe for concurrent
// use.
type Log struct {
	opts    Options
	root    string
	log     *slog.Logger
	lock    *os.File
	codec   *codec
	files   *openFiles
	cache   *blockCache
	store   Store
	numbers *numbers

	queued    atomic.Int64 // bytes in all queues
	ringBytes atomic.Int64

	mu     sync.Mutex
	groups map[string]*group
	closed bool

	dirty worklist // streams with something in their queue
	seals worklist // streams with something to move into the store
	disk  disk

	frame []byte    // belongs to the flusher
	shown ringOrder // belongs to the flusher
	stop  func()    // ends the goroutines
	wg    sync.WaitGroup
}

const lockFile = "lock"

// Open opens the log in o.Dir. Only one process can have it open: a second one
// gets fault.Conflict. It outlives ctx; the caller closes it.
func Open(ctx context.Context, o Options) (_ *Log, err error) {
	o = o.withDefaults()
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("open logs: %w", err)
	}
	lock, err := lockDir(o.Dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			lock.Close()
		}
	}()
	l := &Log{
		opts: o, root: o.Dir, log: o.Logger, lock: lock,
		files: newOpenFiles(), cache: newBlockCache(int(o.CacheBytes)), groups: map[string]*group{},
		dirty: newWorklist(), seals: newWorklist(), disk: newDisk(),
	}
	if l.codec, err = newCodec(); err != nil {
		return nil, err
	}
	if l.numbers, err = openNumbers(o.Dir); err != nil {
		return nil, err
	}
	if l.store = o.Store; l.store == nil {
		l.store = newEmbedded(o.Dir, o.segmentBytes, l.codec, l.files, l.cache, o.Logger)
	}
	ctx, l.stop = context.WithCancel(context.WithoutCancel(ctx))
	l.start(func() { l.work(ctx, &l.dirty, flushRetry, l.flush) })
	l.start(func() { l.work(ctx, &l.seals, sealRetry, func(s *stream) error { return l.seal(ctx, s) }) })
	l.start(func() { l.syncLoop(ctx) })
	l.start(func() { l.retainLoop(ctx) })
	return l, nil
}

func lockDir(dir string) (*os.File, error) {
	lock, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open logs: %w", err)
	}
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		lock.Close()
		return nil, fault.New(fault.Conflict, "Another process writes the logs in %s. Stop it, or use another data directory.", dir)
	}
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("lock logs: %w", err)
	}
	return lock, nil
}

// start runs fn in a goroutine that Close waits for.
func (l *Log) start(fn func()) {
	l.wg.Go(func() {
		defer func() {
			if p := recover(); p != nil {
				l.log.Error("a goroutine of the log panicked", slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
			}
		}()
		fn()
	})
}

// Close takes no more lines, writes those it has, and ends all feeds with
// ServerShutdown. What cannot be written is an error. Closing twice is no
// error.
func (l *Log) Close(ctx context.Context) error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	groups := slices.Collect(maps.Values(l.groups))
	l.mu.Unlock()

	l.stop()
	l.wg.Wait()
	var errs []error
	for _, g := range groups {
		for _, s := range g.shut() {
			errs = append(errs, l.drain(s))
		}
		g.mu.Lock()
		g.closed = true
		g.wake()
		g.mu.Unlock()
	}
	l.settleStore(ctx)
	errs = append(errs, l.syncSpool(), l.store.Close())
	l.files.forgetAll()
	errs = append(errs, l.lock.Close())
	return errors.Join(errs...)
}

// shut refuses everything new and returns the streams in memory.
func (g *group) shut() (streams []*stream) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closing = true
	for _, src := range g.sources {
		for _, s := range src.streams {
			s.queue.close(ErrClosed)
			streams = append(streams, s)
		}
	}
	return streams
}

// drain writes all that is queued of s.
func (l *Log) drain(s *stream) error {
	for s.queue.drained() != nil {
		if err := l.flush(s); err != nil {
			return fmt.Errorf("lines of %s are lost: %w", s.Source.ID, err)
		}
	}
	return nil
}
