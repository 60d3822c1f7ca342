package logs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/davitdev/davit/internal/logs"
)

func next(t *testing.T, f *logs.Feed) logs.Item {
	t.Helper()
	item, err := f.Next(t.Context())
	if err != nil {
		t.Fatalf("Next: %v", err)
	}
	return item
}

func nextBatch(t *testing.T, f *logs.Feed) *logs.Batch {
	t.Helper()
	item := next(t, f)
	batch, ok := item.(*logs.Batch)
	if !ok {
		t.Fatalf("got %T %+v, want a batch", item, item)
	}
	return batch
}

func wantEnd(t *testing.T, f *logs.Feed, why logs.EndReason) {
	t.Helper()
	item := next(t, f)
	if end, ok := item.(*logs.End); !ok || end.Reason != why {
		t.Errorf("got %T %+v, want the end, %s", item, item, why)
	}
	if _, err := f.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %v", err)
	}
}

// Several streams are written while readers come, follow, go and come again
// with their cursor: each sees every line after it once, each stream in order.
func TestReadersComeAndGoWhileLinesCome(t *testing.T) {
	t.Parallel()

	for name, o := range map[string]logs.Options{
		"all in the ring":           {},
		"a ring of a few lines":     {RingBytes: 2000},
		"nothing stays in the ring": {RingBytes: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o.Dir = t.TempDir()
			l := openLog(t, o.WithFiles(4<<10, 32<<10))
			src := newSource()
			const streams, lines, readers = 3, 3000, 6
			start := query(t, l, logs.Query{Source: src}).EndCursor
			var wg sync.WaitGroup
			for range streams {
				w := writer(t, l, src, logs.Stdout, newReplica())
				wg.Go(func() {
					rng := rand.New(rand.NewPCG(1, 1))
					for i := 0; i < lines; {
						var piece []byte
						for range min(1+rng.IntN(20), lines-i) {
							piece = fmt.Appendf(piece, "line %d\n", i)
							i++
						}
						if _, err := w.Write(piece); err != nil {
							t.Error(err)
							return
						}
						if rng.IntN(3) == 0 {
							runtime.Gosched()
						}
					}
					if err := w.End(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			var done sync.WaitGroup
			for r := range readers {
				done.Go(func() { readRestlessly(t, l, src, start, streams*lines, uint64(r)) })
			}
			wg.Wait()
			if err := l.End(t.Context(), src, logs.DeploymentEnded); err != nil {
				t.Error(err)
			}
			done.Wait()
		})
	}
}

// readRestlessly follows src from the cursor to its end, leaving every now and
// then, in the middle of a batch as well.
func readRestlessly(t *testing.T, l *logs.Log, src logs.Source, cursor string, want int, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 2))
	last := map[string]uint64{}
	got := 0
	note := func(lines []logs.Line) {
		for _, line := range lines {
			if line.Seq != last[line.Stream.Replica]+1 || line.Message != fmt.Sprintf("line %d", line.Seq-1) {
				t.Errorf("reader %d: after line %d comes %d: %q", seed, last[line.Stream.Replica], line.Seq, line.Message)
			}
			last[line.Stream.Replica] = line.Seq
			got++
		}
	}
	for {
		ctx, leave := context.WithCancel(t.Context())
		f, err := l.Follow(ctx, logs.FollowOptions{Source: src, After: cursor})
		if err != nil {
			t.Error(err)
			leave()
			return
		}
		for range 1 + rng.IntN(30) {
			item, err := f.Next(ctx)
			if err != nil {
				t.Error(err)
				break
			}
			batch, ok := item.(*logs.Batch)
			if !ok {
				if _, ended := item.(*logs.End); !ended || got != want {
					t.Errorf("reader %d: after %d of %d lines: %+v", seed, got, want, item)
				}
				leave()
				return
			}
			if n := rng.IntN(2 * len(batch.Lines)); n < len(batch.Lines) && rng.IntN(4) == 0 {
				note(batch.Lines[:n+1])
				cursor = batch.Cursors()[n]
				break
			}
			note(batch.Lines)
			cursor = batch.Cursor()
		}
		leave()
	}
}

func TestAFeedGoesFromReplayToLive(t *testing.T) {
	t.Parallel()

	l := openLog(t, logs.Options{Dir: t.TempDir()})
	src := newSource()
	w := writer(t, l, src, logs.Stdout, newReplica())
	write(t, w, []byte("one\ntwo\nthree\n"))
	w.Resume(t.Context())
	tail, none := follow(t, l, logs.FollowOptions{Source: src, Tail: 2}), follow(t, l, logs.FollowOptions{Source: src})
	if b := nextBatch(t, tail); !b.Replay || !cmp.Equal(messages(b.Lines), []string{"two", "three"}) {
		t.Errorf("the tail is %q, replay %t", messages(b.Lines), b.Replay)
	}
	write(t, w, []byte("four\n"))
	first, second := nextBatch(t, tail), nextBatch(t, none)
	if first.Replay || !cmp.Equal(messages(first.Lines), []string{"four"}) {
		t.Errorf("then comes %q, replay %t", messages(first.Lines), first.Replay)
	}
	if first != second {
		t.Error("two feeds that are up to date do not share their batch")
	}
}

func TestAFeedIsFiltered(t *testing.T) {
	t.Parallel()

	l := openLog(t, logs.Options{Dir: t.TempDir()})
	src, one, two := newSource(), newReplica(), newReplica()
	first, second := writer(t, l, src, logs.Stdout, one), writer(t, l, src, logs.Stderr, two)
	feeds := map[string]*logs.Feed{}
	for name, filter := range map[string]logs.Filter{
		"b c d": {MinSeverity: logs.SeverityWarn},
		"a b":   {Replica: one},
		"c d e": {Streams: []logs.Kind{logs.Stderr}},
		"d":     {Search: "letter d"},
	} {
		feeds[name] = follow(t, l, logs.FollowOptions{Source: src, Filter: filter})
	}
	for i, line := range []string{"INFO letter a", "WARN letter b", "ERROR letter c", "FATAL letter d", "letter e"} {
		w := first
		if i > 1 {
			w = second
		}
		write(t, w, []byte(line+"\n"))
		if _, err := w.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for want, f := range feeds {
		var got []string
		for len(got) < len(strings.Fields(want)) {
			for _, m := range messages(nextBatch(t, f).Lines) {
				got = append(got, m[len(m)-1:])
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("got %v, want %s", got, want)
		}
	}
}

func TestASlowReaderMissesNothing(t *testing.T) {
	t.Parallel()

	l := openLog(t, logs.Options{Dir: t.TempDir(), RingBytes: 10_000}.WithFiles(16<<10, 64<<10))
	src := newSource()
	w := writer(t, l, src, logs.Stdout, newReplica())
	f := follow(t, l, logs.FollowOptions{Source: src})
	var raw []byte
	for i := range 5000 {
		raw = fmt.Appendf(raw, "line %d\n", i)
	}
	write(t, w, raw)
	if _, err := w.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, _ := collect(t, f, 5000)
	for i, line := range got {
		if line.Seq != uint64(i+1) {
			t.Fatalf("line %d is %d", i+1, line.Seq)
		}
	}
	write(t, w, []byte("and live\n"))
	if b := nextBatch(t, f); b.Replay || len(b.Lines) != 1 {
		t.Errorf("then comes %q, replay %t", messages(b.Lines), b.Replay)
	}
}

func TestManyFollowersLeaveNothingBehind(t *testing.T) {
	t.Parallel()

	l := openLog(t, logs.Options{Dir: t.TempDir()})
	src := newSource()
	w := writer(t, l, src, logs.Stdout, newReplica())
	const followers = 1000
	ctx, leave := context.WithCancel(t.Context())
	var ready, gone sync.WaitGroup
	ready.Add(followers)
	for range followers {
		gone.Go(func() {
			f, err := l.Follow(ctx, logs.FollowOptions{Source: src})
			ready.Done()
			if err != nil {
				t.Error(err)
				return
			}
			for {
				if _, err := f.Next(ctx); err != nil {
					if !errors.Is(err, context.Canceled) {
						t.Error(err)
					}
					return
				}
			}
		})
	}
	ready.Wait()
	for range 100 {
		write(t, w, []byte("to all of them\n"))
	}
	leave()
	gone.Wait() // and TestMain looks for goroutines that are left
	if n := l.RingBytes(); n != 0 {
		eventually(t, func() bool { return l.RingBytes() == 0 })
	}
}

func TestAFeedStopsWithItsContext(t *testing.T) {
	t.Parallel()

	l := openLog(t, logs.Options{Dir: t.TempDir()})
	src := newSource()
	ctx, leave := context.WithCancel(t.Context())
	f, err := l.Follow(ctx, logs.FollowOptions{Source: src})
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := f.Next(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Next with a deadline: %v", err)
	}
	w := writer(t, l, src, logs.Stdout, newReplica())
	write(t, w, []byte("still there\n"))
	nextBatch(t, f)
	leave()
	if _, err := f.Next(t.Context()); !errors.Is(err, context.Canceled) {
		t.Errorf("Next after its feed was left: %v", err)
	}
}
