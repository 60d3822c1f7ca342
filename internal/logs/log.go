package logs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/davitdev/davit/internal/fault"
)

// Options configure a Log. The zero value of a number is its default.
type Options struct {
	Dir    string // of this Log alone; created if absent
	Store  Store  // nil: the embedded one, in Dir
	Logger *slog.Logger

	// Loki, if set, takes all lines; the embedded store is before it then, and
	// keeps HotBytes: what is newest, and what Loki has not taken yet.
	Loki     *LokiOptions
	HotBytes int64 // on disk, compressed; default 1 GiB

	// QueueBytes is taken in and not yet in the spool, in all; default 8 MiB.
	// Streams that wait until the spool takes more of them do not count.
	QueueBytes       int64
	StreamQueueBytes int64 // the same for one stream; default 1 MiB
	RingBytes        int64 // shown last, for feeds that follow; default 8 MiB
	CacheBytes       int64 // blocks read last; default 16 MiB

	Retention Retention

	sealAfter  time.Duration // how old a spool file with Loki gets; default 10 s
	shipRetry  time.Duration // see tiered.retry; 0: its default
	trimEvery  time.Duration // see tiered.trimEvery; 0: its default
	spoolBytes int64         // when a spool file is full; it becomes a block of the store
	// streamSpoolBytes is what the spool may have of one stream and the store
	// not yet; default 32 MiB. It is disk that Retention does not know of.
	streamSpoolBytes int64
	segmentBytes     int64 // when a segment is full, which is what retention drops at a time
	searchReads      int   // see step; default searchReads
	readBytes        int   // see embedded; default readBytes
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
		{&o.HotBytes, 1 << 30},
		{&o.spoolBytes, 256 << 10},
		{&o.segmentBytes, 8 << 20},
		{&o.streamSpoolBytes, 32 << 20},
	} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	if o.searchReads <= 0 {
		o.searchReads = searchReads
	}
	if o.readBytes <= 0 {
		o.readBytes = readBytes
	}
	if o.sealAfter <= 0 {
		o.sealAfter = 10 * time.Second
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
	cold    *tiered // the store, if Loki is behind it; else nil
	numbers *numbers
	opened  time.Time

	searches *turns

	queued    atomic.Int64 // bytes in all queues but those that wait
	ringBytes atomic.Int64
	grown     atomic.Int64 // see grow
	retainNow chan struct{}

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
			err = errors.Join(err, unlockDir(lock))
		}
	}()
	l := &Log{
		opts: o, root: o.Dir, log: o.Logger, lock: lock,
		files: newOpenFiles(), cache: newBlockCache(int(o.CacheBytes)), groups: map[string]*group{},
		dirty: newWorklist(), seals: newWorklist(), disk: newDisk(), searches: newTurns(searchesAtOnce()),
		retainNow: make(chan struct{}, 1), opened: time.Now(),
	}
	if l.codec, err = newCodec(); err != nil {
		return nil, err
	}
	if l.numbers, err = openNumbers(o.Dir); err != nil {
		return nil, err
	}
	if l.store = o.Store; l.store == nil {
		hot := newEmbedded(o.Dir, o.segmentBytes, l.codec, l.files, l.cache, o.Logger)
		hot.readBytes = o.readBytes
		l.store = hot
		_, had := os.Stat(filepath.Join(o.Dir, hadLokiFile))
		switch {
		case o.Loki == nil && had == nil:
			if l.store, err = newTiered(hot, nil, o.HotBytes); err != nil {
				return nil, err
			}
		case o.Loki != nil:
			if l.cold, err = newTiered(hot, o.Loki, o.HotBytes); err != nil {
				return nil, err
			}
			if o.shipRetry > 0 {
				l.cold.retry = o.shipRetry
			}
			if o.trimEvery > 0 {
				l.cold.trimEvery = o.trimEvery
			}
			l.store = l.cold
		}
	}
	ctx, l.stop = context.WithCancel(context.WithoutCancel(ctx))
	l.start(func() { l.work(ctx, &l.dirty, flushRetry, l.flush) })
	l.start(func() { l.work(ctx, &l.seals, sealRetry, func(s *stream) error { return l.seal(ctx, s) }) })
	l.start(func() { l.syncLoop(ctx) })
	l.start(func() { l.retainLoop(ctx) })
	if l.cold != nil {
		l.start(func() { l.ageLoop(ctx) })
		l.start(func() { l.cold.shipLoop(ctx) })
	}
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

// unlockDir gives the directory back, also when a program that is just being
// started has a copy of the descriptor, which would keep it after a close.
func unlockDir(lock *os.File) error {
	return errors.Join(syscall.Flock(int(lock.Fd()), syscall.LOCK_UN), lock.Close())
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
	errs = append(errs, unlockDir(l.lock))
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
		if err := l.write(s, math.MaxInt64); err != nil {
			return fmt.Errorf("lines of %s are lost: %w", s.Source.ID, err)
		}
	}
	return nil
}
