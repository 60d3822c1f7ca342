package logs

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// unnoted makes a place where what is shipped of w's source cannot be noted,
// until noted is called.
func unnoted(t *testing.T, w *lokiWorld) (noted func()) {
	t.Helper()
	block := filepath.Join(w.dir, w.src.Group, w.src.ID, shippedFile+".new")
	if err := os.MkdirAll(block, 0o700); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if err := os.Remove(block); err != nil {
			t.Fatal(err)
		}
	}
}

// notedTo is the last line that the file of w's source says is shipped.
func (w *lokiWorld) notedTo(t *testing.T) (last uint64) {
	t.Helper()
	x, err := openShipped(w.dir, w.src)
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range x.states() {
		last = max(last, st.Last)
	}
	return last
}

// keepNothing has what Loki has leave from now on.
func (w *lokiWorld) keepNothing() {
	w.cold.turn.Lock()
	defer w.cold.turn.Unlock()
	w.cold.hotBytes = 1
}

// A disk may be full just when it is to be noted what Loki has.
func TestWhatCouldNotBeNotedAsShippedIsLater(t *testing.T) {
	t.Parallel()

	w := openBeforeLoki(t, t.TempDir(), lokiURL(t), 1<<30)
	noted := unnoted(t, w)
	w.write(t, 1, 100)
	if err := w.End(t.Context(), w.src, DeploymentEnded); err != nil {
		t.Fatal(err)
	}
	w.shippedTo(t, 200)
	until(t, "the shipper says that it cannot", func() bool {
		_, err := w.LokiHealth(t.Context())
		return err != nil
	})
	if last := w.notedTo(t); last != 0 {
		t.Fatalf("line %d is noted: this test sees nothing", last)
	}
	noted()
	until(t, "it is noted", func() bool { return w.notedTo(t) == 200 })
}

// What is not noted would be a gap after a crash, though Loki has it.
func TestNothingLeavesThatIsNotNotedAsShipped(t *testing.T) {
	t.Parallel()

	w := openBeforeLoki(t, t.TempDir(), lokiURL(t), 1<<30)
	noted := unnoted(t, w)
	w.write(t, 1, 100)
	if err := w.End(t.Context(), w.src, DeploymentEnded); err != nil {
		t.Fatal(err)
	}
	w.shippedTo(t, 200)
	segments := func() []string {
		t.Helper()
		left, err := filepath.Glob(filepath.Join(w.dir, w.src.Group, w.src.ID, "*.seg"))
		if err != nil {
			t.Fatal(err)
		}
		return left
	}
	here := segments()
	w.keepNothing()
	if err := w.cold.trim(t.Context()); err == nil {
		t.Error("it is no error that it cannot be noted")
	}
	if left := segments(); len(here) == 0 || !slices.Equal(left, here) {
		t.Errorf("left are %d segments of %d", len(left), len(here))
	}
	noted()
	until(t, "nothing is left here", func() bool { return w.coldSegments(t) == 0 })
	w.wantAll(t, 200)
}

// The same lines at the same time are lines of two programs, one after the
// other. Loki knows no more of an entry of a stream than its time and its
// message.
func TestALineShippedTwiceByTwoProgramsIsTwoLines(t *testing.T) {
	t.Parallel()

	w := openBeforeLoki(t, t.TempDir(), lokiURL(t), 1<<30)
	now := time.Now()
	for range 3 {
		out, err := w.Writer(t.Context(), w.src, Stdout, testID("rep", 1), WriterOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, message := range []string{"starting", "no such file", "bye"} {
			if err := out.WriteAt(now, []byte(message), true); err != nil {
				t.Fatal(err)
			}
		}
		if err := out.Renew(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.End(t.Context(), w.src, DeploymentEnded); err != nil {
		t.Fatal(err)
	}
	until(t, "all are shipped", func() bool {
		lines := uint64(0)
		err := w.cold.records.use(w.src, func(x *shipped) error {
			for _, st := range x.states() {
				lines += st.Last
			}
			return nil
		})
		return err == nil && lines == 9
	})
	w.keepNothing()
	until(t, "nothing is left here", func() bool { return w.coldSegments(t) == 0 })
	p, err := w.Query(t.Context(), Query{Source: w.src, From: time.Unix(0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Lines) != 9 || len(p.Gaps) != 0 {
		t.Errorf("%d lines and %d gaps", len(p.Lines), len(p.Gaps))
	}
	for i, l := range p.Lines {
		if l.UnixNano != now.UnixNano() {
			t.Errorf("line %d is of %d instead of %d", i, l.UnixNano, now.UnixNano())
		}
	}
}

// What is joined can be counted.
func TestBlocksAreJoinedAsFarAsTheyCanBeCounted(t *testing.T) {
	t.Parallel()

	lost := func(first uint64, count uint32) blockRef { return blockRef{frame: frame{first: first, count: count}} }
	small := joinBlocks([]blockRef{lost(1, 5), lost(6, 7)})
	if len(small) != 1 || small[0].count != 12 {
		t.Errorf("two small ones become %+v", small)
	}
	const half = 1 << 31
	if large := joinBlocks([]blockRef{lost(1, half), lost(1+half, half)}); len(large) != 2 || large[1].last() != 1<<32 {
		t.Errorf("two large ones become %+v", large)
	}
}
