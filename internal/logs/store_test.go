package logs

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTheEmbeddedStore(t *testing.T) {
	dirs := map[string]string{}
	conform(t, func(t *testing.T, name string) Store {
		t.Helper()
		if dirs[name] == "" {
			dirs[name] = t.TempDir()
		}
		return openEmbedded(t, dirs[name])
	})
}

func openEmbedded(t *testing.T, dir string) *embedded {
	t.Helper()
	files := newOpenFiles()
	t.Cleanup(files.forgetAll)
	return newEmbedded(dir, 4<<10, testCodec(t), files, newBlockCache(8<<10), slog.New(slog.DiscardHandler))
}

// conform tests that a Store keeps the promises written on Store. open opens
// the store of a name, again with what it had.
func conform(t *testing.T, openStore func(t *testing.T, name string) Store) {
	var src Source
	var stdout, stderr *Stream
	opened := map[string]bool{}
	open := func(t *testing.T, name string) Store {
		t.Helper()
		if !opened[name] { // what is behind a store may be shared with other tests
			opened[name] = true
			src = Source{testID("ins", 1), freshID()}
			stdout = &Stream{Source: src, Number: 7, Kind: Stdout, Replica: testID("rep", 1)}
			stderr = &Stream{Source: src, Number: 8, Kind: Stderr, Replica: testID("rep", 1)}
		}
		return openStore(t, name)
	}
	all := &Filter{}
	base := time.Now().Add(-time.Minute).UnixNano() // some stores refuse old lines

	appendTo := func(t *testing.T, s Store, st *Stream, first uint64, n int) Block {
		t.Helper()
		b := Block{First: first, After: Checkpoint{Raw: int64(first) + int64(n) - 1}}
		for i := range n {
			seq := first + uint64(i)
			b.Lines = append(b.Lines, Line{
				Stream: st, Seq: seq, UnixNano: base + int64(seq)*10, Severity: Severity(seq % 7), Message: fmt.Sprintf("line %d of %d", seq, st.Number),
			})
		}
		if err := s.Append(t.Context(), st, b); err != nil {
			t.Fatalf("Append: %v", err)
		}
		return b
	}
	read := func(t *testing.T, s Store, st *Stream, r Range, f *Filter, reverse bool) (lines []Line) {
		t.Helper()
		for !r.empty() {
			some, left, err := s.Read(t.Context(), st, r, f, reverse)
			if err != nil {
				t.Fatalf("Read: %v", err)
			}
			if !left.empty() && left == r {
				t.Fatalf("Read of %v returned nothing and left everything", r)
			}
			if r = left; reverse {
				lines = append(some[:len(some):len(some)], lines...)
			} else {
				lines = append(lines, some...)
			}
		}
		return lines
	}
	seqs := func(lines []Line) (out []uint64) {
		for _, l := range lines {
			out = append(out, l.Seq)
		}
		return out
	}

	t.Run("what was appended is read in both directions, also after a restart", func(t *testing.T) {
		s := open(t, t.Name())
		var want []Line
		for first := uint64(1); first < 900; first += 100 {
			want = append(want, appendTo(t, s, stdout, first, 100).Lines...)
			appendTo(t, s, stderr, first, 100)
		}
		if err := s.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			for _, reverse := range []bool{false, true} {
				got := read(t, s, stdout, Range{1, 900}, all, reverse)
				if d := cmp.Diff(want, got, compareLines); d != "" {
					t.Errorf("reverse %t: %s", reverse, d)
				}
				got = read(t, s, stdout, Range{95, 305}, all, reverse)
				if d := cmp.Diff(want[94:305], got, compareLines); d != "" {
					t.Errorf("a part, reverse %t: %s", reverse, d)
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, t.Name())
		}
		s.Close()
	})
	t.Run("appending twice is appending once", func(t *testing.T) {
		s := open(t, t.Name())
		defer s.Close()
		appendTo(t, s, stdout, 1, 10)
		appendTo(t, s, stdout, 1, 10)
		appendTo(t, s, stdout, 6, 10) // half of it is new
		appendTo(t, s, stdout, 3, 4)
		if got := read(t, s, stdout, Range{1, 15}, all, false); len(got) != 15 || got[14].Seq != 15 || got[0].gap {
			t.Errorf("got %v", seqs(got))
		}
		states, err := s.Streams(t.Context(), src)
		if err != nil || len(states) != 1 || states[0].First != 1 || states[0].Last != 15 || states[0].After.Raw != 15 {
			t.Errorf("states %+v, %v", states, err)
		}
	})
	t.Run("a stream remembers its checkpoint without a line", func(t *testing.T) {
		s := open(t, t.Name())
		appendTo(t, s, stdout, 1, 3)
		end := Checkpoint{Raw: 3, Shown: 9, Ended: true}
		if err := s.Append(t.Context(), stdout, Block{First: 4, After: end}); err != nil {
			t.Fatal(err)
		}
		if err := s.Append(t.Context(), stderr, Block{First: 1, After: end}); err != nil {
			t.Fatal(err)
		}
		s.Close()
		s = open(t, t.Name())
		defer s.Close()
		states, err := s.Streams(t.Context(), src)
		want := []StreamState{
			{Stream: *stdout, First: 1, Last: 3, OldestNano: base + 10, NewestNano: base + 30, After: end},
			{Stream: *stderr, First: 1, After: end},
		}
		if d := cmp.Diff(want, states); d != "" || err != nil {
			t.Error(d, err)
		}
	})
	t.Run("what is missing is a gap", func(t *testing.T) {
		s := open(t, t.Name())
		defer s.Close()
		appendTo(t, s, stdout, 11, 5)
		appendTo(t, s, stdout, 21, 5)
		for _, reverse := range []bool{false, true} {
			var got []string
			for _, l := range read(t, s, stdout, Range{1, 25}, &Filter{MinSeverity: SeverityFatal, Search: "nowhere", needle: newNeedle("nowhere")}, reverse) {
				got = append(got, fmt.Sprintf("%d %t %s", l.Seq, l.gap, l.Message))
			}
			if d := cmp.Diff([]string{"10 true 10 RETENTION", "20 true 5 STORE_UNAVAILABLE"}, got); d != "" {
				t.Errorf("reverse %t: %s", reverse, d)
			}
		}
	})
	t.Run("filters choose lines", func(t *testing.T) {
		s := open(t, t.Name())
		defer s.Close()
		for first := uint64(1); first < 900; first += 100 {
			appendTo(t, s, stdout, first, 100)
		}
		for literal, want := range map[string][]uint64{"line 455 of 7": {455}, "ne 77 o": {77}, "LINE": nil, "line 9999": nil} {
			got := read(t, s, stdout, Range{1, 900}, &Filter{Search: literal, needle: newNeedle(literal)}, false)
			if d := cmp.Diff(want, seqs(got)); d != "" {
				t.Errorf("%q: %s", literal, d)
			}
		}
		if got := read(t, s, stdout, Range{1, 700}, &Filter{MinSeverity: SeverityError}, true); len(got) != 200 {
			t.Errorf("%d lines of 700 are errors or worse", len(got))
		}
	})
	t.Run("times lead to lines", func(t *testing.T) {
		s := open(t, t.Name())
		defer s.Close()
		for first := uint64(1); first < 300; first += 100 {
			appendTo(t, s, stdout, first, 100)
		}
		for nano, want := range map[int64]uint64{math.MinInt64 / 2: 0, 10: 0, 11: 1, 1000: 99, 1001: 100, 1010: 100, 2555: 255, math.MaxInt64 / 4: 300} {
			if got, err := s.Before(t.Context(), stdout, base+nano); got != want || err != nil {
				t.Errorf("before %d is %d, %v, want %d", nano, got, err, want)
			}
		}
	})
	t.Run("an unknown source is empty", func(t *testing.T) {
		s := open(t, t.Name())
		defer s.Close()
		states, err := s.Streams(t.Context(), src)
		if len(states) != 0 || err != nil {
			t.Errorf("%+v, %v", states, err)
		}
		if seq, err := s.Before(t.Context(), stdout, 1); seq != 0 || err != nil {
			t.Errorf("%d, %v", seq, err)
		}
		if got := read(t, s, stdout, Range{1, 5}, all, false); len(got) != 1 || !got[0].gap {
			t.Errorf("%+v", got)
		}
	})
	t.Run("removing twice is no error, and leaves others alone", func(t *testing.T) {
		s := open(t, t.Name())
		defer s.Close()
		other := &Stream{Source: Source{src.Group, testID("dep", 2)}, Number: 9, Kind: Build}
		appendTo(t, s, stdout, 1, 10)
		appendTo(t, s, other, 1, 10)
		for range 2 {
			if err := s.Remove(t.Context(), src); err != nil {
				t.Fatal(err)
			}
		}
		if states, err := s.Streams(t.Context(), src); len(states) != 0 || err != nil {
			t.Errorf("%+v, %v", states, err)
		}
		if got := read(t, s, other, Range{1, 10}, all, false); len(got) != 10 {
			t.Errorf("the other source has %d lines", len(got))
		}
	})
	t.Run("a segment that is dropped is a gap", func(t *testing.T) {
		s := open(t, t.Name())
		defer s.Close()
		for first := uint64(1); first < 5000; first += 100 {
			appendTo(t, s, stdout, first, 100)
		}
		segments, err := s.Segments(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if segments == nil {
			return // this store looks after its space itself
		}
		if !segments[len(segments)-1].Newest || segments[0].Newest || segments[0].Bytes == 0 {
			t.Errorf("segments %+v", segments)
		}
		for range 2 {
			if err := s.Drop(t.Context(), segments[0]); err != nil {
				t.Fatal(err)
			}
		}
		got := read(t, s, stdout, Range{1, 5000}, all, false)
		if !got[0].gap || got[0].Seq != segments[1].First-1 || len(got) != 5000-int(got[0].Seq)+1 {
			t.Errorf("after dropping up to %d: %d lines, the first %+v", segments[1].First-1, len(got), got[0])
		}
	})
	t.Run("a reader stops with its context", func(t *testing.T) {
		s := open(t, t.Name())
		defer s.Close()
		appendTo(t, s, stdout, 1, 10)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, err := s.Read(ctx, stdout, Range{1, 10}, all, false); err == nil {
			t.Error("read with a context that ended")
		}
	})
}

// Whatever a power cut leaves of the file written last, the blocks before it
// are there, and the store goes on.
func TestATornSegmentIsCut(t *testing.T) {
	t.Parallel()

	s := &Stream{Source: Source{testID("ins", 1), testID("dep", 1)}, Number: 1, Kind: Build}
	block := func(first uint64) Block { return testBlock(s, first, 20) }
	dir := t.TempDir()
	e := openEmbedded(t, dir)
	for _, first := range []uint64{1, 21, 41} {
		if err := e.Append(t.Context(), s, block(first)); err != nil {
			t.Fatal(err)
		}
	}
	path := segmentPath(dir, s, 1)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var ends []int
	if _, err := scanFrames(bytes.NewReader(whole), int64(len(whole)), true, func(at int64, f frame) { ends = append(ends, int(at+f.size())) }); err != nil {
		t.Fatal(err)
	}
	for n := 0; n <= len(whole); n += 7 {
		for name, torn := range map[string][]byte{"cut": whole[:n], "zeros": append(whole[:n:n], make([]byte, len(whole)-n)...)} {
			dir := t.TempDir()
			if err := os.MkdirAll(filepath.Dir(segmentPath(dir, s, 1)), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(segmentPath(dir, s, 1), torn, 0o600); err != nil {
				t.Fatal(err)
			}
			want := uint64(0)
			for _, end := range ends {
				if end <= n {
					want += 20
				}
			}
			e := openEmbedded(t, dir)
			states, err := e.Streams(t.Context(), s.Source)
			if err != nil || want > 0 && states[0].Last != want {
				t.Fatalf("%s at %d: %+v, %v, want %d lines", name, n, states, err, want)
			}
			if err := e.Append(t.Context(), s, block(want+1)); err != nil {
				t.Fatal(err)
			}
			lines, left, err := e.Read(t.Context(), s, Range{want + 1, want + 20}, &Filter{}, false)
			if err != nil || !left.empty() || len(lines) != 20 || lines[0].gap {
				t.Fatalf("%s at %d: after going on: %d lines, %v", name, n, len(lines), err)
			}
		}
	}
}

// A block that has become unreadable is a gap; the rest is still there.
func TestADamagedBlockIsAGap(t *testing.T) {
	t.Parallel()

	s := &Stream{Source: Source{testID("ins", 1), testID("dep", 1)}, Number: 1, Kind: Build}
	dir := t.TempDir()
	e := openEmbedded(t, dir)
	var ends []int64
	for _, first := range []uint64{1, 21, 41} {
		if err := e.Append(t.Context(), s, testBlock(s, first, 20)); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(segmentPath(dir, s, 1))
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, info.Size())
	}
	f, err := os.OpenFile(segmentPath(dir, s, 1), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte{0xde, 0xad}, ends[1]-9); err != nil {
		t.Fatal(err)
	}
	e = openEmbedded(t, dir)
	var got []Line
	for r := (Range{1, 60}); !r.empty(); {
		var lines []Line
		if lines, r, err = e.Read(t.Context(), s, r, &Filter{}, false); err != nil {
			t.Fatal(err)
		}
		got = append(got, lines...)
	}
	if len(got) != 41 || got[20].Seq != 40 || !got[20].gap || got[20].Message != "20 STORE_UNAVAILABLE" {
		t.Errorf("%d lines, %+v", len(got), got[min(20, len(got)-1)])
	}
}
