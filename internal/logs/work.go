package logs

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// worklist is streams that wait for a goroutine, each at most once.
type worklist struct {
	ready chan struct{} // has a value when there may be some

	mu      sync.Mutex
	streams []*stream
	listed  map[*stream]bool
}

func newWorklist() worklist {
	return worklist{ready: make(chan struct{}, 1), listed: map[*stream]bool{}}
}

// add lists s. It never waits.
func (w *worklist) add(s *stream) {
	w.mu.Lock()
	if w.listed[s] {
		w.mu.Unlock()
		return
	}
	w.listed[s] = true
	w.streams = append(w.streams, s)
	w.mu.Unlock()
	select {
	case w.ready <- struct{}{}:
	default:
	}
}

func (w *worklist) take() []*stream {
	w.mu.Lock()
	defer w.mu.Unlock()
	streams := w.streams
	w.streams = nil
	clear(w.listed)
	return streams
}

const (
	flushRetry = 250 * time.Millisecond
	sealRetry  = time.Second
)

// work does the work of a list until ctx ends. What fails is tried again,
// while the rest goes on.
func (l *Log) work(ctx context.Context, w *worklist, retry time.Duration, do func(*stream) error) {
	failed := map[*stream]bool{}
	var again <-chan time.Time
	down := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.ready:
		case <-again:
			again = nil
			for s := range failed {
				w.add(s)
			}
			clear(failed)
		}
		for _, s := range w.take() {
			err := do(s)
			if err == nil || ctx.Err() != nil {
				continue
			}
			failed[s] = true
			if !down {
				l.log.WarnContext(ctx, "the log cannot be written, trying again", slog.String("source", s.Source.ID), slog.Any("err", err))
				down = true
			}
		}
		switch {
		case len(failed) > 0 && again == nil:
			again = time.After(retry)
		case len(failed) == 0 && down:
			l.log.InfoContext(ctx, "the log is written again")
			down = false
		}
	}
}
