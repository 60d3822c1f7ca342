package logs

import (
	"log/slog"
	"testing"
	"time"
)

// A log that is opened without the Loki it had says that something is missing.
func TestWithoutTheLokiThereWasItsLinesAreAGap(t *testing.T) {
	t.Parallel()

	target, dir := lokiURL(t), t.TempDir()
	w := openBeforeLoki(t, dir, target, 1)
	w.write(t, 1, 300)
	if err := w.End(t.Context(), w.src, DeploymentEnded); err != nil {
		t.Fatal(err)
	}
	w.shippedTo(t, 600)
	until(t, "nothing is left here", func() bool { return w.coldSegments(t) == 0 })
	src := w.src
	w.close(t)

	l, err := Open(t.Context(), Options{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	w = &lokiWorld{Log: l, src: src, dir: dir}
	for _, reverse := range []bool{false, true} {
		for _, f := range []Filter{{}, {Search: "line 2"}} {
			if got, lost := w.all(t, reverse, f); len(got) != 0 || lost != 600 {
				t.Errorf("reverse %t, %+v: %d lines and %d lost", reverse, f, len(got), lost)
			}
		}
	}
	p, err := w.Query(t.Context(), Query{Source: src, To: time.Now().Add(-time.Hour)})
	if err != nil || len(p.Lines) != 0 {
		t.Errorf("%+v, %v", p, err)
	}
	if p, err = w.Query(t.Context(), Query{Source: src}); err != nil || len(p.Gaps) == 0 || p.Gaps[0].Reason != StoreUnavailable {
		t.Errorf("%+v, %v", p, err)
	}
	w.src = Source{testID("ins", 1), freshID()}
	w.write(t, 1, 100)
	if got, lost := w.all(t, false, Filter{}); len(got) != 200 || lost != 0 {
		t.Errorf("of what comes: %d lines and %d lost", len(got), lost)
	}
	later := w.src
	w.close(t)

	w = openBeforeLoki(t, dir, target, 1)
	w.src = src
	w.wantAll(t, 600)
	w.src = later
	w.shippedTo(t, 200)
	w.wantAll(t, 200)
}
