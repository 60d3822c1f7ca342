package logs_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/davitdev/davit/internal/logs"
)

// However little of a search is done at a time, whoever goes on at its cursors
// gets every line that matches once, in order.
func TestASearchInStepsGivesEveryLineOnce(t *testing.T) {
	t.Parallel()

	rng := rand.New(rand.NewPCG(61, 62))
	for range 3 {
		w := newWorld(t, rng, 1+rng.IntN(4), 150)
		closeLog(t, w.log)
		w.log = openLog(t, w.opts.WithSteps(1+rng.IntN(3)))
		for name, q := range w.queries(rng) {
			want := w.want(q)
			for _, limit := range []int{1, 7, 1000} {
				q.Limit = limit
				if got := stepForwards(t, w, q); !cmp.Equal(want, got, compareShown) {
					t.Errorf("%s, forwards by %d:\n%s", name, limit, cmp.Diff(want, got, compareShown))
				}
				if got := pageBackwards(t, w, q, limit); !cmp.Equal(want, got, compareShown) {
					t.Errorf("%s, backwards by %d:\n%s", name, limit, cmp.Diff(want, got, compareShown))
				}
			}
		}
		for name, filter := range map[string]logs.Filter{"a literal": {Search: "7 of"}, "nothing": {Search: "not in any of the lines"}} {
			q := logs.Query{Source: w.srcs[0], Filter: filter}
			if len(w.srcs) == 1 {
				continue // it has not ended
			}
			beginning := query(t, w.log, logs.Query{Source: q.Source, To: time.Unix(0, 1)}).StartCursor
			f := follow(t, w.log, logs.FollowOptions{Source: q.Source, Filter: filter, After: beginning})
			if got, _ := collect(t, f, -1); !cmp.Equal(w.want(q), got, compareShown) {
				t.Errorf("a feed of %s:\n%s", name, cmp.Diff(w.want(q), got, compareShown))
			}
		}
	}
}

// stepForwards is pageForwards for pages that may have no line.
func stepForwards(t *testing.T, w *world, q logs.Query) (lines []shown) {
	t.Helper()
	if q.From.IsZero() {
		q.From = time.Unix(0, 1)
	}
	for {
		p := query(t, w.log, q)
		lines = append(lines, showLines(p.Lines)...)
		if !p.HasMoreAfter {
			return lines
		}
		if p.EndCursor == q.After {
			t.Fatalf("a page of %d lines comes no further", len(p.Lines))
		}
		q.After = p.EndCursor
	}
}

// A feed that would have to search for its first lines for long begins with
// those it has found, and says that there may be others.
func TestTheTailOfASearchIsAStep(t *testing.T) {
	t.Parallel()

	o := logs.Options{Dir: t.TempDir()}.WithFiles(2<<10, 4<<10).WithSteps(4)
	l := openLog(t, o)
	src := newSource()
	w := writer(t, l, src, logs.Stdout, newReplica())
	write(t, w, []byte("a needle\n"))
	for range 20 { // blocks, at least
		write(t, w, []byte(strings.Repeat("some hay that is not looked for\n", 100)))
	}
	write(t, w, []byte("another needle\n"))
	f := follow(t, l, logs.FollowOptions{Source: src, Filter: logs.Filter{Search: "needle"}, Tail: 10})
	gap, ok := next(t, f).(*logs.Gap)
	if !ok || gap.Reason != logs.SlowConsumer || gap.Dropped != 0 {
		t.Fatalf("it begins with %+v", gap)
	}
	if got, _ := collect(t, f, 1); got[0].Message != "another needle" {
		t.Errorf("then comes %+v", got)
	}
	// What the gap is about can be searched page by page.
	q, found := logs.Query{Source: src, Filter: logs.Filter{Search: "needle"}, Before: gap.To}, 0
	for more := true; more; {
		p := query(t, l, q)
		found, more, q.Before = found+len(p.Lines), p.HasMoreBefore, p.StartCursor
	}
	if found != 1 {
		t.Errorf("before it are %d needles", found)
	}
	write(t, w, []byte("a live needle\n"))
	if got, _ := collect(t, f, 1); got[0].Message != "a live needle" {
		t.Errorf("live comes %+v", got)
	}
}

// counting counts what a search costs, and has it wait.
type counting struct {
	logs.Store

	reads chan int // a value for each call of Read
	held  chan struct{}
}

func (c *counting) Read(ctx context.Context, _ *logs.Stream, r logs.Range, f *logs.Filter, _ bool) ([]logs.Line, logs.Range, error) {
	if f.Search == "" {
		return nil, logs.Range{From: 1}, nil
	}
	select {
	case c.reads <- 1:
	case <-ctx.Done():
		return nil, r, ctx.Err()
	}
	select {
	case <-c.held:
	case <-ctx.Done():
		return nil, r, ctx.Err()
	}
	r.To--
	return nil, r, nil
}

func (c *counting) Streams(_ context.Context, src logs.Source) ([]logs.StreamState, error) {
	return []logs.StreamState{{
		Stream: logs.Stream{Source: src, Number: 1, Kind: logs.Build}, First: 1, Last: 100_000_000, OldestNano: 1, NewestNano: 100_000_000,
		After: logs.Checkpoint{Ended: true},
	}}, nil
}
func (c *counting) Sync(context.Context) error { return nil }
func (c *counting) Close() error               { return nil }

// Whoever searches a hundred million lines for what is not there, as often at
// once as he likes, gets as far as a step each, and keeps neither others nor who
// reads without searching.
func TestSearchesForNothingAreBounded(t *testing.T) {
	t.Parallel()

	const steps = 5
	store := &counting{reads: make(chan int), held: make(chan struct{})}
	l := openLog(t, logs.Options{Dir: t.TempDir(), Store: store}.WithSteps(steps))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	attacked := newSource()
	ended := make(chan error, 100)
	for range cap(ended) {
		go func() {
			_, err := l.Query(ctx, logs.Query{Source: attacked, Filter: logs.Filter{Search: "not there"}})
			ended <- err
		}()
	}
	<-store.reads // one of them is at it
	if _, err := l.Query(ctx, logs.Query{Source: attacked}); err != nil {
		t.Errorf("who only reads meanwhile: %v", err)
	}
	select {
	case <-store.reads:
		t.Error("two search one group at once")
	default:
	}
	cancel()
	for range cap(ended) {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("who left meanwhile: %v", err)
		}
	}

	close(store.held)
	reads := 0
	stop := make(chan struct{})
	counted := make(chan struct{})
	go func() {
		defer close(counted)
		for {
			select {
			case n := <-store.reads:
				reads += n
			case <-stop:
				return
			}
		}
	}()
	p, err := l.Query(t.Context(), logs.Query{Source: attacked, Filter: logs.Filter{Search: "not there"}})
	close(stop)
	<-counted
	if err != nil || len(p.Lines) != 0 || !p.HasMoreBefore || p.HasMoreAfter || reads != steps {
		t.Errorf("a search that goes on after %d reads: %+v, %v", reads, p, err)
	}
}

// far finds nothing in any number of lines, a few at a time, and has a reader
// leave in the middle of each step.
type far struct {
	counting

	leave context.CancelFunc
	calls int
}

func (s *far) Read(ctx context.Context, _ *logs.Stream, r logs.Range, f *logs.Filter, _ bool) ([]logs.Line, logs.Range, error) {
	if f.Search == "" {
		return nil, logs.Range{From: 1}, nil
	}
	if s.calls++; s.calls%5 == 0 {
		s.leave()
	}
	if err := ctx.Err(); err != nil {
		return nil, r, err
	}
	r.From = min(r.From+1_000_000, r.To+1)
	return nil, r, nil
}

// Whoever calls Next for less time than a step takes gets to the end all the same.
func TestAFeedGoesOnWhereTheCallBeforeCameTo(t *testing.T) {
	t.Parallel()

	store := &far{}
	l := openLog(t, logs.Options{Dir: t.TempDir(), Store: store})
	src := newSource()
	beginning := query(t, l, logs.Query{Source: src, To: time.Unix(0, 1)}).StartCursor
	f := follow(t, l, logs.FollowOptions{
		Source: src, Filter: logs.Filter{Search: "needle", Streams: []logs.Kind{logs.Build}}, After: beginning,
	})
	for range 100 { // reads, of a million of a hundred million lines; four of five count
		ctx, cancel := context.WithCancel(t.Context())
		store.leave = cancel
		item, err := f.Next(ctx)
		cancel()
		if errors.Is(err, context.Canceled) {
			continue
		}
		if _, ended := item.(*logs.End); !ended || err != nil {
			t.Errorf("after %d reads comes %+v, %v", store.calls, item, err)
		}
		return
	}
	t.Errorf("%d reads came nowhere", store.calls)
}
