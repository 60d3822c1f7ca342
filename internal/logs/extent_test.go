package logs

import (
	"fmt"
	"os"
	"slices"
	"testing"
)

// manySegments is a stream of blocks of ten lines, each in a segment of its own.
func manySegments(t *testing.T, dir string, blocks int) *Stream {
	t.Helper()
	e := openSegmented(t, dir)
	s := &Stream{Source: Source{testID("ins", 1), freshID()}, Number: 7, Kind: Build}
	for i := range blocks {
		b := Block{First: uint64(10*i + 1)}
		for n := range uint64(10) {
			seq := b.First + n
			b.Lines = append(b.Lines, Line{Stream: s, Seq: seq, UnixNano: int64(seq) * 100, Message: fmt.Sprint("line ", seq)})
		}
		b.After.Raw = int64(b.First) + 9
		if err := e.Append(t.Context(), s, b); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func openSegmented(t *testing.T, dir string) *embedded {
	t.Helper()
	e := openEmbedded(t, dir)
	e.segmentBytes = 1
	return e
}

// opened is how many segments the store has looked into.
func (e *embedded) opened() int {
	e.files.mu.Lock()
	defer e.files.mu.Unlock()
	return len(e.files.items)
}

// What a stream has does not have to be read for what is asked of it.
func TestASegmentIsReadWhenItIsAskedFor(t *testing.T) {
	t.Parallel()

	const blocks = 200
	dir := t.TempDir()
	s := manySegments(t, dir, blocks)
	all := Range{1, 10 * blocks}
	for _, tt := range []struct {
		name string
		most int // segments
		ask  func(e *embedded) (got, want any, err error)
	}{
		{"where it is", 2, func(e *embedded) (any, any, error) {
			states, err := e.Streams(t.Context(), s.Source)
			return fmt.Sprint(states[0].First, states[0].Last, states[0].OldestNano, states[0].NewestNano, states[0].After.Raw),
				fmt.Sprint(1, all.To, 100, all.To*100, all.To), err
		}},
		{"the last lines", 1, func(e *embedded) (any, any, error) {
			lines, left, err := e.Read(t.Context(), s, all, &Filter{}, true)
			return fmt.Sprint(lines[0].Seq, left), fmt.Sprint(all.To-9, Range{1, all.To - 10}), err
		}},
		{"lines in the middle", 2, func(e *embedded) (any, any, error) {
			lines, left, err := e.Read(t.Context(), s, Range{1005, all.To}, &Filter{}, false)
			return fmt.Sprint(lines[0].Seq, left), fmt.Sprint(1005, Range{1011, all.To}), err
		}},
		{"a time", 10, func(e *embedded) (any, any, error) {
			seq, err := e.Before(t.Context(), s, 100_500+1)
			return seq, uint64(1005), err
		}},
		{"one line more", 2, func(e *embedded) (any, any, error) {
			l := Line{Stream: s, Seq: all.To + 1, UnixNano: int64(all.To+1) * 100, Message: "one more"}
			err := e.Append(t.Context(), s, Block{First: l.Seq, Lines: []Line{l}})
			return nil, nil, err
		}},
	} {
		e := openSegmented(t, dir)
		got, want, err := tt.ask(e)
		if err != nil || got != want {
			t.Errorf("%s: %v, want %v, %v", tt.name, got, want, err)
		}
		if n := e.opened(); n > tt.most {
			t.Errorf("%s takes %d segments of %d, at most %d are needed", tt.name, n, blocks, tt.most)
		}
	}
}

// Segments that retention takes while somebody reads are a gap at the beginning,
// and those that somebody else takes from the middle are one there.
func TestSegmentsThatGoMeanwhile(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	s := manySegments(t, dir, 20)
	e := openSegmented(t, dir)
	x, err := e.extent(s)
	if err != nil {
		t.Fatal(err)
	}
	gone := func(first uint64) {
		t.Helper()
		if err := os.Remove(segmentPath(dir, s, first)); err != nil {
			t.Fatal(err)
		}
	}
	gone(1)
	gone(11)
	gone(91)
	gone(101)
	for _, want := range []struct {
		r       Range
		missing Range
		why     GapReason
	}{
		{Range{1, 200}, Range{1, 20}, RetentionPassed},
		{Range{5, 15}, Range{5, 15}, RetentionPassed},
		{Range{91, 200}, Range{91, 110}, StoreUnavailable},
		{Range{95, 105}, Range{95, 105}, StoreUnavailable},
	} {
		for _, reverse := range []bool{false, true} {
			r := want.r
			if reverse {
				r = Range{r.From, want.missing.To}
			}
			b, missing, err := x.locate(r, reverse)
			if b != nil || missing != want.missing || err != nil {
				t.Errorf("reverse %t, %v: %v, missing is %v, %v", reverse, r, b, missing, err)
				continue
			}
			l, err := x.gone(s, missing)
			if lines, why := l.lost(); err != nil || why != want.why || lines != int64(want.missing.To-want.missing.From+1) {
				t.Errorf("%v is a gap of %d lines, %s, %v", missing, lines, why, err)
			}
		}
	}
	var firsts []uint64
	for b, err := range x.from(15) {
		if err != nil {
			t.Fatal(err)
		}
		firsts = append(firsts, b.first)
	}
	if len(firsts) != 16 || firsts[0] != 21 || !slices.IsSorted(firsts) {
		t.Errorf("the blocks behind begin with %v", firsts)
	}
}

// A stream whose last segment has no line, or was made and never written to, is
// where the segments before it say.
func TestAStreamWhoseLastSegmentSaysNothing(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	s := manySegments(t, dir, 3)
	e := openSegmented(t, dir)
	if err := e.Append(t.Context(), s, Block{First: 31, After: Checkpoint{Raw: 31, Ended: true}}); err != nil {
		t.Fatal(err)
	}
	if err := create(segmentPath(dir, s, 32)); err != nil {
		t.Fatal(err)
	}
	states, err := openSegmented(t, dir).Streams(t.Context(), s.Source)
	if err != nil || len(states) != 1 {
		t.Fatalf("%+v, %v", states, err)
	}
	if st := states[0]; st.First != 1 || st.Last != 30 || st.NewestNano != 3000 || !st.After.Ended || st.After.Raw != 31 {
		t.Errorf("it is at %+v", st)
	}
}
