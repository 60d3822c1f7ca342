//go:build !loki

package logs

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// guarded answers requests itself that do says to, and hands on the others.
type guarded struct {
	fakeLoki

	do func(rw http.ResponseWriter, r *http.Request) bool
}

func (b *guarded) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if !b.do(rw, r) {
		b.fakeLoki.ServeHTTP(rw, r)
	}
}

func isPush(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/push") }

func serveFake(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// segments are the files of w's source, oldest first.
func (w *lokiWorld) segments(t *testing.T) (paths []string) {
	t.Helper()
	files, err := listFiles(w.dir, w.src, segmentExt)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		paths = append(paths, f.path)
	}
	return paths
}

// A block that cannot be read just now, with too many files open, say, is not
// given up.
func TestABlockThatCannotBeReadForAMomentIsShipped(t *testing.T) {
	t.Parallel()

	g := openGate(t)
	g.shut.Store(http.StatusServiceUnavailable)
	w := openBeforeLoki(t, t.TempDir(), g.URL, 1<<30)
	w.write(t, 1, 300)
	if err := w.End(t.Context(), w.src, DeploymentEnded); err != nil {
		t.Fatal(err)
	}
	until(t, "the spool is in the store", func() bool {
		left, err := filepath.Glob(filepath.Join(w.dir, w.src.Group, w.src.ID, "*.spool"))
		return err == nil && len(left) == 0
	})
	var path string
	func() {
		w.cold.turn.Lock()
		defer w.cold.turn.Unlock()
		path = w.segments(t)[1]
		if _, err := w.cold.blocksIn(path); err != nil { // they are known
			t.Fatal(err)
		}
		if err := errors.Join(os.Rename(path, path+".away"), os.Mkdir(path, 0o700)); err != nil {
			t.Fatal(err)
		}
		w.cold.files.forget(path)
	}()
	g.shut.Store(0)
	until(t, "the shipper says what is the matter", func() bool {
		_, err := w.LokiHealth(t.Context())
		return err != nil && strings.Contains(err.Error(), path)
	})
	func() {
		w.cold.turn.Lock()
		defer w.cold.turn.Unlock()
		if err := errors.Join(os.Remove(path), os.Rename(path+".away", path)); err != nil {
			t.Fatal(err)
		}
	}()
	w.shippedTo(t, 600)
	w.keepNothing()
	until(t, "nothing is left here", func() bool { return w.coldSegments(t) == 0 })
	w.wantAll(t, 600)
}

// Room is made also while Loki takes lines more slowly than they come.
func TestRoomIsMadeWhileLokiIsSlow(t *testing.T) {
	t.Parallel()

	const quick = 100
	var pushes atomic.Int64
	url := serveFake(t, &guarded{do: func(_ http.ResponseWriter, r *http.Request) bool {
		if isPush(r) && pushes.Add(1) > quick {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
			return true
		}
		return false
	}})
	w := openBeforeLoki(t, t.TempDir(), url, 1<<30)
	old := w.src
	w.write(t, 1, 20)
	if err := w.End(t.Context(), old, DeploymentEnded); err != nil {
		t.Fatal(err)
	}
	w.shippedTo(t, 40)
	func() { // all of the rest waits at once, and there is a little too much
		w.cold.turn.Lock()
		defer w.cold.turn.Unlock()
		w.src = Source{testID("ins", 1), freshID()}
		w.write(t, 1, 8000)
		until(t, "the spool is in the store", func() bool {
			left, err := filepath.Glob(filepath.Join(w.dir, w.src.Group, w.src.ID, "*.spool"))
			return err == nil && len(left) == 0
		})
		segments, err := w.cold.embedded.Segments(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		w.cold.hotBytes = -1
		for _, s := range segments {
			w.cold.hotBytes += s.Bytes
		}
		w.cold.trimEvery = time.Millisecond
	}()
	until(t, "it is slow", func() bool { return pushes.Load() > quick })
	w.src = old
	if n := len(w.segments(t)); n > 0 {
		t.Errorf("%d segments that Loki has are still here", n)
	}
}

// Who has much to ship does not hold up who has little.
func TestABacklogHoldsUpNoOtherSource(t *testing.T) {
	t.Parallel()

	var shut atomic.Bool
	fake := &guarded{do: func(rw http.ResponseWriter, r *http.Request) bool {
		if shut.Load() && isPush(r) {
			http.Error(rw, "too many", http.StatusTooManyRequests)
			return true
		}
		return false
	}}
	w := openBeforeLoki(t, t.TempDir(), serveFake(t, fake), 1<<30)
	shut.Store(true)
	w.write(t, 1, 3000)
	much, little := w.src, Source{testID("ins", 2), freshID()}
	for _, src := range []Source{much, little} {
		w.src = src
		w.write(t, 1, 1)
		until(t, "the spool is in the store", func() bool {
			left, err := filepath.Glob(filepath.Join(w.dir, src.Group, src.ID, "*.spool"))
			return err == nil && len(left) == 0
		})
	}
	shut.Store(false)
	w.src = little
	w.shippedTo(t, 2)
	w.src = much
	w.shippedTo(t, 6002)
	fake.mu.Lock()
	defer fake.mu.Unlock()
	first := slices.IndexFunc(fake.streams, func(s fakeStream) bool { return s.labels["deployment"] == little.ID })
	if first > 3000 {
		t.Errorf("%d lines of another source came before", first)
	}
}

// As long as Loki takes something, the pauses between what it does not take
// stay short.
func TestALokiThatTakesLittleAtATimeIsFedSteadily(t *testing.T) {
	t.Parallel()

	var pushes atomic.Int64
	w := openWithRetry(t, t.TempDir(), serveFake(t, &guarded{do: func(rw http.ResponseWriter, r *http.Request) bool {
		if !isPush(r) || pushes.Add(1)%2 == 0 {
			return false
		}
		http.Error(rw, "ingestion rate limit exceeded", http.StatusTooManyRequests)
		return true
	}}), 1<<30, 50*time.Millisecond)
	w.write(t, 1, 2000)
	w.shippedTo(t, 4000)
}

// What is stuck of a stream, for now, holds up no other replica.
func TestAStreamThatIsStuckHoldsUpNoOther(t *testing.T) {
	t.Parallel()

	var stuck atomic.Bool
	stuck.Store(true)
	fake := &fakeLoki{tooNew: func(at time.Time) bool { return stuck.Load() && at.After(time.Now().Add(10*time.Minute)) }}
	w := openBeforeLoki(t, t.TempDir(), serveFake(t, fake), 1<<30)
	ahead, err := w.Writer(t.Context(), w.src, Stdout, testID("rep", 7), WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := ahead.WriteAt(time.Now().Add(time.Hour), []byte("of a clock that was ahead"), true); err != nil {
		t.Fatal(err)
	}
	if _, err := ahead.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.write(t, 1, 50)
	taken := func() (lines, early int) {
		fake.mu.Lock()
		defer fake.mu.Unlock()
		for i := range fake.streams {
			if fake.streams[i].labels["replica"] == testID("rep", 7) {
				early++
			} else {
				lines++
			}
		}
		return lines, early
	}
	until(t, "the other replica's lines are there", func() bool {
		lines, _ := taken()
		return lines == 100
	})
	stuck.Store(false)
	until(t, "the line is taken once it may be", func() bool {
		_, early := taken()
		return early == 1
	})
}
