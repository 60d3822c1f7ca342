package logs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// busyStore takes nothing until it is let.
type busyStore struct {
	*embedded

	let chan struct{}
}

func (s busyStore) Append(ctx context.Context, st *Stream, b Block) error {
	select {
	case <-s.let:
	case <-ctx.Done():
		return ctx.Err()
	}
	return s.embedded.Append(ctx, st, b)
}

// Whoever prints faster than lines are compressed does not fill the disk with
// those that are not: it is slowed down, and loses none; others are not.
func TestTheSpoolOfAStreamIsBounded(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	store := busyStore{openEmbedded(t, dir), make(chan struct{})}
	const most = 64 << 10
	o := Options{Dir: dir, Store: store, Logger: slog.New(slog.DiscardHandler), StreamQueueBytes: 32 << 10}.WithFiles(2<<10, 1<<20)
	o.streamSpoolBytes = most
	l, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	src := Source{testID("ins", 1), freshID()}
	w, err := l.Writer(t.Context(), src, Stdout, testID("rep", 1), WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for line := func() []byte { return fmt.Appendf(nil, "line %d %s\n", lines+1, strings.Repeat("x", 90)) }; err == nil; {
		if _, err = w.Write(line()); err == nil {
			lines++
		}
		if lines > 1e6 {
			t.Fatal("it takes whatever comes")
		}
		if lines%100 == 0 { // or the queue is full before the spool is
			until(t, "it is written, or the spool is full", func() bool { return w.stream.queue.drained() == nil || w.stream.spooled() > most })
		}
	}
	if !errors.Is(err, ErrBehind) {
		t.Fatal(err)
	}
	size := int64(0)
	files, err := filepath.Glob(filepath.Join(dir, src.Group, src.ID, "*.spool"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	if size < most || size > most+o.StreamQueueBytes+o.spoolBytes {
		t.Errorf("the spool has %d bytes, and may have %d", size, most)
	}
	if err := l.System(t.Context(), src, SeverityInfo, "a remark"); err != nil {
		t.Fatal(err)
	}
	until(t, "what another stream says is shown", func() bool {
		p, err := l.Query(t.Context(), Query{Source: src, Filter: Filter{Streams: []Kind{System}}})
		return err == nil && len(p.Lines) == 1
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := w.Resume(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it goes on before there is room: %v", err)
	}
	close(store.let)
	at, err := w.Resume(t.Context())
	if err != nil || at.Lines != int64(lines) {
		t.Fatalf("it goes on at %+v after %d lines, %v", at, lines, err)
	}
	q, next := Query{Source: src, Filter: Filter{Streams: []Kind{Stdout}}, From: time.Unix(0, 1), Limit: MaxPage}, 1
	for more := true; more; {
		p, err := l.Query(t.Context(), q)
		if err != nil || len(p.Gaps) > 0 {
			t.Fatalf("%+v, %v", p, err)
		}
		for _, line := range p.Lines {
			if !strings.HasPrefix(line.Message, fmt.Sprintf("line %d ", next)) {
				t.Fatalf("in the place of line %d is %q", next, line.Message)
			}
			next++
		}
		more, q.After = p.HasMoreAfter, p.EndCursor
	}
	if next-1 != lines {
		t.Errorf("%d lines of %d", next-1, lines)
	}
}

// slowStore takes nothing of one group.
type slowStore struct {
	*embedded

	group string
}

func (s slowStore) Append(ctx context.Context, st *Stream, b Block) error {
	if st.Source.Group == s.group {
		return errors.New("too slow")
	}
	return s.embedded.Append(ctx, st, b)
}

// However many streams have filled their part of the spool and their queues, the
// lines of another are taken.
func TestStreamsThatWaitForTheStoreLeaveRoomForOthers(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	greedy, modest := Source{testID("ins", 1), freshID()}, Source{testID("ins", 2), freshID()}
	const streams = 8
	o := Options{Dir: dir, Store: slowStore{openEmbedded(t, dir), greedy.Group}, Logger: slog.New(slog.DiscardHandler), StreamQueueBytes: 32 << 10}.WithFiles(2<<10, 1<<20)
	o.streamSpoolBytes, o.QueueBytes = 64<<10, streams/2*o.StreamQueueBytes
	l, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
		if queued := l.queued.Load(); queued != 0 {
			t.Errorf("in the end %d bytes are counted", queued)
		}
	})
	chunk := []byte(strings.Repeat(strings.Repeat("x", 90)+"\n", 20))
	for i := range streams {
		w, err := l.Writer(t.Context(), greedy, Stdout, testID("rep", i+1), WriterOptions{})
		if err != nil {
			t.Fatal(err)
		}
		q := &w.stream.queue
		waits := func() bool {
			q.mu.Lock()
			defer q.mu.Unlock()
			return q.waits
		}
		for {
			if _, err := w.Write(chunk); err == nil {
				continue
			}
			until(t, "it is written, or waits", func() bool { return q.drained() == nil || waits() })
			if waits() && q.drained() != nil { // it is full
				break
			}
			if _, err := w.Resume(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	until(t, "all that is queued waits", func() bool { return l.queued.Load() == 0 })
	w, err := l.Writer(t.Context(), modest, Stdout, testID("rep", 99), WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		if _, err := w.Write([]byte("one line\n")); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
