package logs_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/logs"
)

var ids atomic.Uint64

// newID returns an id that sorts behind those made before it.
func newID(kind string) string {
	const digits = "0123456789abcdefghijklmnopqrstuv"
	var random [8]byte
	rand.Read(random[:])
	tail := make([]byte, len(random))
	for i, b := range random {
		tail[i] = digits[b&31]
	}
	return fmt.Sprintf("%s_%018d%s", kind, ids.Add(1), tail)
}

func newSource() logs.Source { return logs.Source{Group: newID("ins"), ID: newID("dep")} }
func newReplica() string     { return newID("rep") }

// openLog opens a log that the test closes.
func openLog(tb testing.TB, o logs.Options) *logs.Log {
	tb.Helper()
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	l, err := logs.Open(tb.Context(), o)
	if err != nil {
		tb.Fatalf("Open: %v", err)
	}
	tb.Cleanup(func() { closeLog(tb, l) })
	return l
}

func closeLog(tb testing.TB, l *logs.Log) {
	tb.Helper()
	if err := l.Close(context.WithoutCancel(tb.Context())); err != nil {
		tb.Errorf("Close: %v", err)
	}
}

func writer(tb testing.TB, l *logs.Log, src logs.Source, kind logs.Kind, replica string) *logs.Writer {
	tb.Helper()
	w, err := l.Writer(tb.Context(), src, kind, replica, logs.WriterOptions{})
	if err != nil {
		tb.Fatalf("Writer: %v", err)
	}
	return w
}

// write hands in p, which ends a line, as the reader of a container with a
// copy of its output does: it goes on where the log says.
func write(tb testing.TB, w *logs.Writer, p []byte) {
	tb.Helper()
	start, err := w.Resume(tb.Context())
	if err != nil {
		tb.Fatalf("Resume: %v", err)
	}
	for rest := p; len(rest) > 0; {
		n, err := w.Write(rest[:min(len(rest), 32<<10)])
		rest = rest[n:]
		switch {
		case errors.Is(err, logs.ErrBehind):
			now, err := w.Resume(tb.Context())
			if err != nil {
				tb.Fatalf("Resume: %v", err)
			}
			rest = fromLine(p, now.Lines-start.Lines)
		case err != nil:
			tb.Fatalf("Write: %v", err)
		}
	}
}

// fromLine returns p from its nth line on, counted from 0.
func fromLine(p []byte, n int64) []byte {
	for range n {
		p = p[bytes.IndexByte(p, '\n')+1:]
	}
	return p
}

func eventually(tb testing.TB, ok func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); runtime.Gosched() {
		if time.Now().After(deadline) {
			tb.Fatal("it never came to that")
		}
	}
}

func percentile(times []time.Duration, p int) float64 {
	slices.Sort(times)
	return float64(times[len(times)*p/100])
}

// noStore is a store that is away.
type noStore struct{}

var errAway = errors.New("the store is away")

func (noStore) Append(context.Context, *logs.Stream, logs.Block) error { return errAway }
func (noStore) Sync(context.Context) error                             { return errAway }
func (noStore) Streams(context.Context, logs.Source) ([]logs.StreamState, error) {
	return nil, nil
}

func (noStore) Read(_ context.Context, _ *logs.Stream, r logs.Range, _ *logs.Filter, _ bool) ([]logs.Line, logs.Range, error) {
	return nil, r, errAway
}
func (noStore) Before(context.Context, *logs.Stream, int64) (uint64, error) { return 0, errAway }
func (noStore) Remove(context.Context, logs.Source) error                   { return errAway }
func (noStore) Segments(context.Context) ([]logs.Segment, error)            { return nil, nil }
func (noStore) Drop(context.Context, logs.Segment) error                    { return errAway }
func (noStore) Close() error                                                { return nil }
