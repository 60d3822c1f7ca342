package logs

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

// signed is a stream of many blocks in a few segments, of which each but the
// last has a signature.
func signed(t *testing.T, dir string, blocks int) *Stream {
	t.Helper()
	e := openEmbedded(t, dir)
	e.segmentBytes = 32 << 10
	rng := rand.New(rand.NewPCG(71, 72))
	s := &Stream{Source: Source{testID("ins", 1), freshID()}, Number: 7, Kind: Build}
	next := uint64(1)
	for i := range blocks {
		b := Block{First: next}
		for range 1 + rng.IntN(60) { // so that filters differ in size
			message := fmt.Sprintf("request %d of trace %016x took %d ms", next, rng.Uint64(), rng.IntN(100))
			if next%97 == 0 {
				message = fmt.Sprintf("needle-number-%d", next)
			}
			b.Lines = append(b.Lines, Line{Stream: s, Seq: next, UnixNano: int64(next) * 100, Message: message, gap: i == blocks/2 && len(b.Lines) == 0})
			next++
		}
		if b.Lines[0].gap {
			b.Lines[0].Message = gapMessage(3, RateLimited)
		}
		if err := e.Append(t.Context(), s, b); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// searched is the seqs of the lines that pass, by however many calls of Read.
func searched(t *testing.T, e *embedded, s *Stream, needle string, reverse bool) (seqs []uint64) {
	t.Helper()
	f, err := Filter{Search: needle}.prepared()
	if err != nil {
		t.Fatal(err)
	}
	states, err := e.Streams(t.Context(), s.Source)
	if err != nil {
		t.Fatal(err)
	}
	for r := (Range{1, states[0].Last}); !r.empty(); {
		lines, left, err := e.Read(t.Context(), s, r, f, reverse)
		if err != nil {
			t.Fatal(err)
		}
		some := make([]uint64, 0, len(lines))
		for i := range lines {
			some = append(some, lines[i].Seq)
		}
		if reverse {
			seqs = slices.Concat(some, seqs)
		} else {
			seqs = append(seqs, some...)
		}
		r = left
	}
	return seqs
}

func signatures(t *testing.T, e *embedded, s *Stream) []file {
	t.Helper()
	files, err := listFiles(e.root, s.Source, signatureExt)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// A search finds the same with signatures, without them, and with damaged ones.
func TestSignaturesHideNothing(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	s := signed(t, dir, 300)
	needles := []string{"needle-number-", "needle-number-97", "needle-number-970", "request 5001 of trace", "trace 00", "not in any line of it", "took 7 ms"}
	everything := func(e *embedded) map[string][]uint64 {
		out := map[string][]uint64{}
		for _, n := range needles {
			out[n] = searched(t, e, s, n, false)
			if back := searched(t, e, s, n, true); !slices.Equal(back, out[n]) {
				t.Errorf("%q: backwards %d lines, forwards %d", n, len(back), len(out[n]))
			}
		}
		return out
	}
	e := openEmbedded(t, dir)
	with := everything(e)
	signatures := signatures(t, e, s)
	if len(signatures) < 5 {
		t.Fatalf("%d segments are signed", len(signatures))
	}
	if n := len(with["needle-number-97"]); n < 2 { // itself, and the gap
		t.Errorf("the needle is found %d times", n)
	}
	for _, tt := range []struct {
		name   string
		change func(path string) error
	}{
		{"damaged", func(path string) error {
			b, err := os.ReadFile(path)
			for i := signatureHeader; i < len(b); i += 3 {
				b[i] = 0
			}
			if err == nil {
				err = os.WriteFile(path, b, 0o600)
			}
			return err
		}},
		{"cut off", func(path string) error { return os.Truncate(path, signatureHeader+10) }},
		{"empty", func(path string) error { return os.Truncate(path, 0) }},
		{"gone", os.Remove},
	} {
		for _, f := range signatures {
			if err := tt.change(f.path); err != nil {
				t.Fatal(err)
			}
		}
		for n, got := range everything(openEmbedded(t, dir)) {
			if !slices.Equal(got, with[n]) {
				t.Errorf("with signatures that are %s, %q is in %d lines, and in %d with whole ones", tt.name, n, len(got), len(with[n]))
			}
		}
	}
}

// Who looks for what is not there opens of most segments nothing but the
// signature.
func TestASignatureSparesItsSegment(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	s := signed(t, dir, 300)
	e := openEmbedded(t, dir)
	if got := searched(t, e, s, "absent-18446744073709551615-from-all", false); len(got) != 1 { // the gap
		t.Errorf("it finds %v", got)
	}
	opened := 0
	e.files.mu.Lock()
	for path := range e.files.items {
		if strings.HasSuffix(path, segmentExt) {
			opened++
		}
	}
	e.files.mu.Unlock()
	all, err := listFiles(dir, s.Source, segmentExt)
	if err != nil {
		t.Fatal(err)
	}
	if opened > 3 { // where the stream is, the first, and that with the gap
		t.Errorf("%d segments of %d were opened", opened, len(all))
	}
}

// A signature is of a segment that nothing is added to, goes with it, and takes
// no more than its share of the room.
func TestASignatureBelongsToItsSegment(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	s := signed(t, dir, 300)
	e := openEmbedded(t, dir)
	segments, err := e.Segments(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n := len(signatures(t, e, s)); n != len(segments)-1 {
		t.Errorf("%d signatures of %d segments", n, len(segments))
	}
	for _, f := range signatures(t, e, s) {
		of, err := os.Stat(segmentPath(dir, s, f.first))
		if err != nil {
			t.Fatal(err)
		}
		is, err := os.Stat(f.path)
		if err != nil {
			t.Fatal(err)
		}
		if is.Size() > of.Size()/signatureShare {
			t.Errorf("a signature of %d bytes for %d", is.Size(), of.Size())
		}
		if i := slices.IndexFunc(segments, func(g Segment) bool { return g.First == f.first }); segments[i].Bytes != of.Size()+is.Size() {
			t.Errorf("a segment is said to have %d bytes", segments[i].Bytes)
		}
	}
	if err := e.Drop(t.Context(), segments[0]); err != nil {
		t.Fatal(err)
	}
	if n := len(signatures(t, e, s)); n != len(segments)-2 {
		t.Errorf("%d signatures of %d segments", n, len(segments)-1)
	}
	// The last segment is gone, as if it had never been made: the one before it
	// may be added to again.
	if err := e.Drop(t.Context(), segments[len(segments)-1]); err != nil {
		t.Fatal(err)
	}
	e = openEmbedded(t, dir)
	if _, err := e.Streams(t.Context(), s.Source); err != nil {
		t.Fatal(err)
	}
	if n := len(signatures(t, e, s)); n != len(segments)-3 {
		t.Errorf("%d signatures of %d segments, one of them open", n, len(segments)-2)
	}
	if err := e.Remove(t.Context(), s.Source); err != nil {
		t.Fatal(err)
	}
	if n := len(signatures(t, e, s)); n != 0 {
		t.Errorf("%d signatures of nothing", n)
	}
}
