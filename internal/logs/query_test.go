package logs_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/logs"
)

var compareShown = cmp.Options{cmpopts.IgnoreUnexported(shown{}), cmpopts.EquateEmpty()}

// Pages in both directions give every line that matches once, in order.
func TestPagesGiveEveryLineOnce(t *testing.T) {
	t.Parallel()

	rng := rand.New(rand.NewPCG(21, 22))
	for range 6 {
		w := newWorld(t, rng, 1+rng.IntN(4), 150)
		for name, q := range w.queries(rng) {
			want := w.want(q)
			for _, limit := range []int{1, 7, 100, 5000} {
				if got := pageForwards(t, w, q, limit); !cmp.Equal(want, got, compareShown) {
					t.Errorf("%s, forwards by %d:\n%s", name, limit, cmp.Diff(want, got, compareShown))
				}
				if got := pageBackwards(t, w, q, limit); !cmp.Equal(want, got, compareShown) {
					t.Errorf("%s, backwards by %d:\n%s", name, limit, cmp.Diff(want, got, compareShown))
				}
			}
		}
	}
}

func pageForwards(t *testing.T, w *world, q logs.Query, limit int) (lines []shown) {
	t.Helper()
	q.Limit = limit
	if q.From.IsZero() {
		q.From = time.Unix(0, 1)
	}
	for {
		p := query(t, w.log, q)
		lines = append(lines, showLines(p.Lines)...)
		if len(p.Lines) > min(limit, logs.MaxPage) || p.HasMoreAfter && len(p.Lines) == 0 {
			t.Fatalf("a page of %d lines, more %t", len(p.Lines), p.HasMoreAfter)
		}
		if !p.HasMoreAfter {
			return lines
		}
		q.After = p.EndCursor
	}
}

func pageBackwards(t *testing.T, w *world, q logs.Query, limit int) (lines []shown) {
	t.Helper()
	q.Limit = limit
	if !q.From.IsZero() { // From alone would make the page go forwards
		last := query(t, w.log, logs.Query{Source: q.Source}).EndCursor
		q.Before = query(t, w.log, logs.Query{Source: q.Source, After: last}).EndCursor
	}
	for {
		p := query(t, w.log, q)
		lines = append(showLines(p.Lines), lines...)
		if !p.HasMoreBefore {
			return lines
		}
		q.Before = p.StartCursor
	}
}

// Each line's cursor divides what a query gives exactly.
func TestACursorDividesTheLines(t *testing.T) {
	t.Parallel()

	rng := rand.New(rand.NewPCG(23, 24))
	for range 2 {
		w := newWorld(t, rng, 3, 30)
		for name, q := range w.queries(rng) {
			want := w.want(q)
			q.Limit = logs.MaxPage
			for way, p := range everyWay(t, w, q, len(want)) {
				checkCursors(t, w, name+", "+way, q, want, p)
			}
		}
	}
}

// everyWay returns pages that end where all lines of q do, read from the
// beginning, backwards from the end, and from the middle.
func everyWay(t *testing.T, w *world, q logs.Query, n int) map[string]*logs.Page {
	t.Helper()
	backwards := q
	if q.From.IsZero() {
		q.From = time.Unix(0, 1)
	} else {
		last := query(t, w.log, logs.Query{Source: q.Source}).EndCursor
		backwards.Before = query(t, w.log, logs.Query{Source: q.Source, After: last}).EndCursor
	}
	pages := map[string]*logs.Page{"forwards": query(t, w.log, q), "backwards": query(t, w.log, backwards)}
	if n > 2 {
		q.After = pages["backwards"].Cursors()[n/3]
		pages["from the middle"] = query(t, w.log, q)
	}
	return pages
}

// checkCursors checks that each cursor of p, whose lines are the last of want,
// divides want.
func checkCursors(t *testing.T, w *world, name string, q logs.Query, want []shown, p *logs.Page) {
	t.Helper()
	if q.From.IsZero() {
		q.From = time.Unix(0, 1)
	}
	skipped := len(want) - len(p.Lines)
	if !cmp.Equal(want[skipped:], showLines(p.Lines), compareShown) {
		t.Fatalf("%s:\n%s", name, cmp.Diff(want[skipped:], showLines(p.Lines), compareShown))
	}
	for i, cursor := range p.Cursors() {
		after, before, at := q, q, skipped+i
		after.After, before.Before = cursor, cursor
		if got := showLines(query(t, w.log, after).Lines); !cmp.Equal(want[at+1:], got, compareShown) {
			t.Errorf("%s, after line %d:\n%s", name, at, cmp.Diff(want[at+1:], got, compareShown))
		}
		if got := showLines(query(t, w.log, before).Lines); !cmp.Equal(want[:at], got, compareShown) {
			t.Errorf("%s, before line %d:\n%s", name, at, cmp.Diff(want[:at], got, compareShown))
		}
	}
}

// A feed goes on after any cursor of a page, and after its own.
func TestAFeedGoesOnAfterEachCursor(t *testing.T) {
	t.Parallel()

	rng := rand.New(rand.NewPCG(25, 26))
	for range 3 {
		w := newWorld(t, rng, 3, 40)
		for name, q := range w.queries(rng) {
			if !q.From.IsZero() || !q.To.IsZero() {
				continue // a feed has no times
			}
			want := w.want(q)
			q.From, q.Limit = time.Unix(0, 1), logs.MaxPage
			cursors := query(t, w.log, q).Cursors()
			for i := range cursors {
				f := follow(t, w.log, logs.FollowOptions{Source: q.Source, Filter: q.Filter, After: cursors[i]})
				got, _ := collect(t, f, len(want)-i-1)
				if !cmp.Equal(want[i+1:], got, compareShown) {
					t.Errorf("%s, after line %d:\n%s", name, i, cmp.Diff(want[i+1:], got, compareShown))
				}
			}
		}
	}
}

func TestATailIsTheLastLines(t *testing.T) {
	t.Parallel()

	rng := rand.New(rand.NewPCG(27, 28))
	w := newWorld(t, rng, 2, 100)
	for name, q := range w.queries(rng) {
		if !q.From.IsZero() || !q.To.IsZero() {
			continue
		}
		want := w.want(q)
		want = want[max(0, len(want)-30):]
		f := follow(t, w.log, logs.FollowOptions{Source: q.Source, Filter: q.Filter, Tail: 30})
		if got, _ := collect(t, f, len(want)); !cmp.Equal(want, got, compareShown) {
			t.Errorf("%s:\n%s", name, cmp.Diff(want, got, compareShown))
		}
	}
}

func TestAPageSaysWhetherThereIsMore(t *testing.T) {
	t.Parallel()

	w := newWorld(t, rand.New(rand.NewPCG(29, 30)), 1, 50)
	q := logs.Query{Source: w.srcs[0], Limit: 10}
	last := query(t, w.log, q)
	if !last.HasMoreBefore || last.HasMoreAfter {
		t.Errorf("the last page: before %t, after %t", last.HasMoreBefore, last.HasMoreAfter)
	}
	q.Before = last.StartCursor
	middle := query(t, w.log, q)
	if !middle.HasMoreBefore || !middle.HasMoreAfter {
		t.Errorf("a page in the middle: before %t, after %t", middle.HasMoreBefore, middle.HasMoreAfter)
	}
	first := query(t, w.log, logs.Query{Source: w.srcs[0], From: time.Unix(0, 1), Limit: 10})
	if first.HasMoreBefore || !first.HasMoreAfter {
		t.Errorf("the first page: before %t, after %t", first.HasMoreBefore, first.HasMoreAfter)
	}
	between := query(t, w.log, logs.Query{Source: w.srcs[0], After: first.EndCursor, Before: last.StartCursor, Limit: logs.MaxPage})
	if got := slices.Concat(showLines(first.Lines), showLines(between.Lines), showLines(last.Lines)); !cmp.Equal(w.lines, got, compareShown) {
		t.Error(cmp.Diff(w.lines, got, compareShown))
	}
}

func TestAQueryIsChecked(t *testing.T) {
	t.Parallel()

	l := openLog(t, logs.Options{Dir: t.TempDir()})
	src := newSource()
	tests := []struct {
		name  string
		query logs.Query
		want  fault.Code
	}{
		{"a path is no id", logs.Query{Source: logs.Source{Group: "../../../etc", ID: src.ID}}, fault.Invalid},
		{"nor in the source", logs.Query{Source: logs.Source{Group: src.Group, ID: "dep_../../../../../../../.."}}, fault.Invalid},
		{"an id is lower case", logs.Query{Source: logs.Source{Group: src.Group, ID: "dep_ABCDEFGHIJKLMNOPQRSTUVWXYZ"}}, fault.Invalid},
		{"a group has an id", logs.Query{}, fault.Invalid},
		{"nor in the replica", logs.Query{Source: src, Filter: logs.Filter{Replica: "rep_/"}}, fault.Invalid},
		{"a cursor is ours", logs.Query{Source: src, After: "bm90IGEgY3Vyc29y"}, fault.CursorInvalid},
		{"both cursors", logs.Query{Source: src, Before: "?"}, fault.CursorInvalid},
		{"a limit is positive", logs.Query{Source: src, Limit: -1}, fault.Invalid},
		{"a literal has a length", logs.Query{Source: src, Filter: logs.Filter{Search: string(make([]byte, 5000))}}, fault.Invalid},
		{"what never was is empty", logs.Query{Source: src}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			page, err := l.Query(t.Context(), tt.query)
			if got := fault.CodeOf(err); got != tt.want {
				t.Errorf("got %q (%v), want %q", got, err, tt.want)
			}
			if err == nil && len(page.Lines)+len(page.Gaps) > 0 {
				t.Errorf("got %+v", page)
			}
		})
	}
}
