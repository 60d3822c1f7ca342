package logs

import (
	"context"
	"log/slog"
	"testing"
	"time"
)

// What an earlier process left in the spool is shipped though nobody reads or
// writes that source.
func TestWhatWasLeftInTheSpoolIsShipped(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	var sources []Source
	l, err := Open(t.Context(), Options{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		w := &lokiWorld{Log: l, src: Source{testID("ins", 1), freshID()}, dir: dir}
		w.write(t, 1, 5)
		sources = append(sources, w.src)
	}
	// As after a kill between the end and its spool's way into the store.
	if err := l.writeEnding(sources[0], &ending{Reason: DeploymentEnded, UnixNano: time.Now().UnixNano(), Streams: 100}); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	w := openBeforeLoki(t, dir, lokiURL(t), 1<<30)
	for _, w.src = range sources {
		w.shippedTo(t, 10)
	}
}

// The clock may have been ahead when a line was written, and was set back.
func TestLinesOfAClockThatWasAheadAreInLokiSoon(t *testing.T) {
	t.Parallel()

	w := openBeforeLoki(t, t.TempDir(), lokiURL(t), 1<<30)
	out, err := w.Writer(t.Context(), w.src, Stdout, testID("rep", 1), WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []time.Time{time.Now().Add(5 * time.Minute), time.Now()} {
		if err := out.WriteAt(at, []byte("a line"), true); err != nil {
			t.Fatal(err)
		}
	}
	w.shippedTo(t, 2)
}
