package logs

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestTheStoreBeforeLoki(t *testing.T) {
	target := lokiURL(t)
	dirs := map[string]string{}
	conform(t, func(t *testing.T, name string) Store {
		t.Helper()
		if dirs[name] == "" {
			dirs[name] = t.TempDir()
		}
		return openShelf(t, dirs[name], target)
	})
}

// A store from which all leaves for Loki as soon as it was appended, but for
// the newest block of a stream that goes on.
type emptied struct{ *tiered }

func openShelf(t *testing.T, dir, target string) emptied {
	t.Helper()
	files := newOpenFiles()
	t.Cleanup(files.forgetAll)
	hot := newEmbedded(dir, 1, testCodec(t), files, newBlockCache(8<<10), slog.New(slog.DiscardHandler))
	s, err := newTiered(hot, &LokiOptions{URL: target}, 1)
	if err != nil {
		t.Fatal(err)
	}
	return emptied{s}
}

func (e emptied) Append(ctx context.Context, s *Stream, b Block) error {
	if err := e.tiered.Append(ctx, s, b); err != nil {
		return err
	}
	if _, err := e.shipAll(ctx); err != nil {
		return err
	}
	return e.trim(ctx)
}

// gate is a way to Loki that can be shut.
type gate struct {
	*httptest.Server
	shut atomic.Int32                  // the status it answers then; 0 if it is open
	hung atomic.Pointer[chan struct{}] // told of each request, which gets no answer; nil if it is open
	slow atomic.Pointer[chan struct{}] // told of each request, which then waits to be told as well; nil if it is open
}

func openGate(t *testing.T) *gate {
	t.Helper()
	target, err := url.Parse(lokiURL(t))
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{}
	through := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status := g.shut.Load(); status != 0 {
			http.Error(w, "the gate is shut", int(status))
			return
		}
		if asked := g.hung.Load(); asked != nil {
			select {
			case *asked <- struct{}{}:
			case <-r.Context().Done():
			}
			<-r.Context().Done()
			return
		}
		if asked := g.slow.Load(); asked != nil {
			for range 2 {
				select {
				case *asked <- struct{}{}:
				case <-r.Context().Done():
					return
				}
			}
		}
		through.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		g.Close()
		http.DefaultTransport.(*http.Transport).CloseIdleConnections() //nolint:forcetypeassert // it is
	})
	return g
}

type lokiWorld struct {
	*Log
	src Source
	dir string
}

func openBeforeLoki(t *testing.T, dir, target string, hotBytes int64) *lokiWorld {
	t.Helper()
	return openWithRetry(t, dir, target, hotBytes, 5*time.Millisecond)
}

func openWithRetry(t *testing.T, dir, target string, hotBytes int64, retry time.Duration) *lokiWorld {
	t.Helper()
	o := Options{
		Dir: dir, Logger: slog.New(slog.DiscardHandler), HotBytes: hotBytes,
		Loki: &LokiOptions{URL: target, Labels: func(context.Context, Source) (map[string]string, error) {
			return map[string]string{"workspace": "default", "service": "web"}, nil
		}},
	}.WithFiles(2<<10, 4<<10)
	o.sealAfter, o.shipRetry = 20*time.Millisecond, retry
	l, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	w := &lokiWorld{Log: l, src: Source{testID("ins", 1), freshID()}, dir: dir}
	t.Cleanup(func() { w.close(t) })
	return w
}

func (w *lokiWorld) close(t *testing.T) {
	t.Helper()
	if err := w.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
}

func (w *lokiWorld) write(t *testing.T, from, to int) {
	t.Helper()
	out, err := w.Writer(t.Context(), w.src, Stdout, testID("rep", 1), WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	for i := from; i <= to; i++ {
		if _, err := fmt.Fprintf(out, "line %d %x \x1b[31mred\x1b[0m \"quoted\" <&>\nsame\n", i, uint64(i)*0x9e3779b97f4a7c15); err != nil {
			t.Fatal(err)
		}
		if i%20 == 0 {
			if _, err := out.Resume(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := out.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// shippedTo waits until Loki has, or was given up on, all lines up to seq.
func (w *lokiWorld) shippedTo(t *testing.T, seq uint64) {
	t.Helper()
	until(t, fmt.Sprintf("line %d is shipped", seq), func() bool {
		next := uint64(0)
		err := w.cold.records.use(w.src, func(x *shipped) error {
			for _, st := range x.states() {
				next = max(next, st.Last)
			}
			return nil
		})
		return err == nil && next >= seq
	})
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(60 * time.Second); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%s: it never came to that", what)
		}
	}
}

// all reads everything in pages, forwards or backwards, as messages; of gaps
// it returns how many lines they say.
func (w *lokiWorld) all(t *testing.T, reverse bool, f Filter) (messages []string, lost int64) {
	t.Helper()
	q := Query{Source: w.src, From: time.Unix(0, 1), Limit: 300, Filter: f}
	if reverse {
		q.From = time.Time{}
	}
	for {
		p, err := w.Query(t.Context(), q)
		if err != nil {
			t.Fatalf("Query(%+v): %v", q, err)
		}
		var page []string
		for i, l := range p.Lines {
			if i > 0 && l.Seq <= p.Lines[i-1].Seq {
				t.Fatalf("line %d after line %d", l.Seq, p.Lines[i-1].Seq)
			}
			page = append(page, fmt.Sprintf("%d %s", l.Seq, l.Message))
		}
		for _, g := range p.Gaps {
			lost += g.Dropped
		}
		if reverse {
			messages = append(page, messages...)
			q.Before = p.StartCursor
		} else {
			messages = append(messages, page...)
			q.After = p.EndCursor
		}
		if more := p.HasMoreAfter && !reverse || p.HasMoreBefore && reverse; !more {
			return messages, lost
		}
	}
}

func (w *lokiWorld) wantAll(t *testing.T, n int) {
	t.Helper()
	for _, reverse := range []bool{false, true} {
		got, lost := w.all(t, reverse, Filter{})
		if len(got) != n || lost != 0 {
			t.Errorf("reverse %t: %d lines of %d, %d lost", reverse, len(got), n, lost)
			continue
		}
		for i, message := range got {
			if !strings.HasPrefix(message, fmt.Sprint(i+1)+" ") {
				t.Fatalf("reverse %t: in the place of line %d is %q", reverse, i+1, message)
			}
		}
	}
	if found, _ := w.all(t, false, Filter{Search: "line 77 "}); n >= 154 && len(found) != 1 {
		t.Errorf("searching finds %q", found)
	}
}

// coldSegments drops all that can be dropped here, and returns how many
// segments stay.
func (w *lokiWorld) coldSegments(t *testing.T) int {
	t.Helper()
	if err := w.cold.trim(t.Context()); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(w.dir, w.src.Group, w.src.ID, "*.seg"))
	if err != nil {
		t.Fatal(err)
	}
	return len(left)
}

// Nobody notices that Loki is away but the shipper; then all is there, in
// order and once, also of a log that was closed meanwhile.
func TestWhileLokiIsAwayNothingWaitsAndNothingIsLost(t *testing.T) {
	t.Parallel()

	g, dir := openGate(t), t.TempDir()
	g.shut.Store(http.StatusServiceUnavailable)
	w := openBeforeLoki(t, dir, g.URL, 1<<30)
	feed, err := w.Follow(t.Context(), FollowOptions{Source: w.src})
	if err != nil {
		t.Fatal(err)
	}
	w.write(t, 1, 400)
	for live := 0; live < 800; {
		item, err := feed.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if b, ok := item.(*Batch); ok {
			live += len(b.Lines)
		}
	}
	until(t, "the shipper says that Loki is away", func() bool {
		_, err := w.LokiHealth(t.Context())
		return err != nil
	})
	src := w.src
	w.close(t)
	w = openBeforeLoki(t, dir, g.URL, 1)
	w.src = src
	w.write(t, 401, 500)
	if err := w.End(t.Context(), w.src, DeploymentEnded); err != nil {
		t.Fatal(err)
	}
	w.wantAll(t, 1000)
	g.shut.Store(0)
	w.shippedTo(t, 1000)
	until(t, "nothing is left here", func() bool { return w.coldSegments(t) == 0 })
	w.wantAll(t, 1000)
	if what, err := w.LokiHealth(t.Context()); err != nil || !strings.HasPrefix(what, "Loki ") || strings.Contains(what, "  ") {
		t.Errorf("health: %q, %v", what, err)
	}
	w.close(t)
	w = openBeforeLoki(t, dir, g.URL, 1)
	w.src = src
	w.wantAll(t, 1000)
}

// What was pushed and not noted is pushed again, and shown once.
func TestWhatIsShippedTwiceIsShownOnce(t *testing.T) {
	t.Parallel()

	g, dir := openGate(t), t.TempDir()
	w := openBeforeLoki(t, dir, g.URL, 1<<30)
	w.write(t, 1, 100)
	w.shippedTo(t, 200)
	record := filepath.Join(dir, w.src.Group, w.src.ID, shippedFile)
	before, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	w.write(t, 101, 300)
	w.shippedTo(t, 600)
	src := w.src
	w.close(t)
	if err := os.WriteFile(record, before, 0o600); err != nil {
		t.Fatal(err)
	}
	w = openBeforeLoki(t, dir, g.URL, 1)
	w.src = src
	w.shippedTo(t, 600)
	if err := w.End(t.Context(), w.src, DeploymentEnded); err != nil {
		t.Fatal(err)
	}
	until(t, "nothing is left here", func() bool { return w.coldSegments(t) == 0 })
	w.wantAll(t, 600)
}

// Without Loki and without room the oldest lines go, and a gap says how many.
func TestWithoutRoomOldLinesAreAGap(t *testing.T) {
	t.Parallel()

	g, dir := openGate(t), t.TempDir()
	g.shut.Store(http.StatusServiceUnavailable)
	const room = 12 << 10
	w := openBeforeLoki(t, dir, g.URL, room)
	w.write(t, 1, 1000)
	until(t, "the spool is in the store", func() bool {
		left, err := filepath.Glob(filepath.Join(dir, w.src.Group, w.src.ID, "*.spool"))
		return err == nil && len(left) == 0
	})
	if n := w.coldSegments(t); n == 0 || n > 4 {
		t.Errorf("%d segments are left", n)
	}
	for _, reverse := range []bool{false, true} {
		if got, lost := w.all(t, reverse, Filter{}); lost == 0 || len(got) == 0 || len(got)+int(lost) != 2000 {
			t.Errorf("reverse %t: %d lines, and %d in gaps", reverse, len(got), lost)
		}
	}
	kept, lost := w.all(t, false, Filter{})
	p, err := w.Query(t.Context(), Query{Source: w.src, From: time.Unix(0, 1)})
	if err != nil || len(p.Gaps) == 0 || p.Gaps[0].Reason != StoreUnavailable {
		t.Errorf("%+v, %v", p, err)
	}
	g.shut.Store(0)
	w.shippedTo(t, 2000)
	if err := w.End(t.Context(), w.src, DeploymentEnded); err != nil {
		t.Fatal(err)
	}
	until(t, "nothing is left here", func() bool {
		w.cold.hotBytes = 1
		return w.coldSegments(t) == 0
	})
	got, gone := w.all(t, false, Filter{})
	if len(got) != len(kept) || gone != lost {
		t.Errorf("from Loki: %d lines and %d in gaps, before it was %d and %d", len(got), gone, len(kept), lost)
	}
	if what, _ := w.LokiHealth(t.Context()); !strings.Contains(what, fmt.Sprint(lost)) {
		t.Errorf("health: %q, lost are %d", what, lost)
	}
}

// Lines Loki refuses for good do not hold up those behind them.
func TestLinesThatLokiRefusesHoldUpNothing(t *testing.T) {
	t.Parallel()

	g := openGate(t)
	w := openBeforeLoki(t, t.TempDir(), g.URL, 1)
	out, err := w.Writer(t.Context(), w.src, Build, "", WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if err := out.WriteAt(time.Now().Add(-30*24*time.Hour), []byte("of another month"), true); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := out.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.shippedTo(t, 5)
	out.Close()
	w.write(t, 1, 10)
	if err := w.End(t.Context(), w.src, DeploymentEnded); err != nil {
		t.Fatal(err)
	}
	w.shippedTo(t, 20) // without room, what is not goes as well
	until(t, "nothing is left here", func() bool { return w.coldSegments(t) == 0 })
	got, lost := w.all(t, false, Filter{})
	if len(got) != 20 || lost != 5 {
		t.Errorf("%d lines, and %d in gaps", len(got), lost)
	}
	if what, err := w.LokiHealth(t.Context()); err != nil || !strings.Contains(what, "refused 5") {
		t.Errorf("health: %q, %v", what, err)
	}
}
