package runnertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/davitdev/davit/runner"
)

func (s *suite) attach(t *testing.T) {
	t.Run("attached before the start nothing is missed", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		spec := b.spec("-print=3", "-listen=none", "-exit-after=0s")
		b.create(spec)
		stream := b.attached(spec.Name)
		b.start(spec.Name)
		if got := read(t, stream, runner.Stdout, 3); got != numbered(3) {
			t.Errorf("read %q", got)
		}
	})
	t.Run("the two outputs are told apart", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		name := b.serving()
		b.copied(name, 1, 0) // where it listens
		stream := b.attached(name)
		b.get(name, "/log?n=5&stderr=true")
		if got := read(t, stream, runner.Stderr, 5); got != numbered(5) {
			t.Errorf("read %q", got)
		}
	})
	t.Run("a burst arrives whole and in order", func(t *testing.T) {
		t.Parallel()
		const lines = 100_000
		b := s.bench(t)
		name := b.serving()
		b.copied(name, 1, 0) // where it listens
		stream := b.attached(name)
		b.get(name, fmt.Sprintf("/log?n=%d", lines))
		if got := read(t, stream, runner.Stdout, lines); got != numbered(lines) {
			t.Errorf("%d bytes differ from what was written", len(got))
		}
	})
	t.Run("closing ends a waiting reader", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		name := b.started("-listen=none")
		stream := b.attached(name)
		ended := make(chan error, 1)
		go func() {
			_, err := stream.Next()
			ended <- err
		}()
		stream.Close()
		if err := within(t, ended); !errors.Is(err, io.EOF) {
			t.Errorf("Next: %v, want io.EOF", err)
		}
	})
	t.Run("the context ends a waiting reader", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		name := b.started("-listen=none")
		ctx, cancel := context.WithCancel(t.Context())
		stream, err := b.Attach(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Close()
		ended := make(chan error, 1)
		go func() {
			_, err := stream.Next()
			ended <- err
		}()
		cancel()
		if err := within(t, ended); !errors.Is(err, context.Canceled) {
			t.Errorf("Next: %v, want context.Canceled", err)
		}
	})
}

func (s *suite) logs(t *testing.T) {
	t.Run("begin at the position", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		name := b.serving("-print=10") // the eleventh line says where it listens
		b.get(name, "/log?n=4&stderr=true")
		b.copied(name, 11, 4)
		for _, from := range []runner.Position{{}, {Stdout: 3, Stderr: 1}, {Stdout: 11}, {Stdout: 11, Stderr: 4}, {Stdout: 10, Stderr: 4, Time: time.Now()}} {
			out, stderr := b.lines(t.Context(), name, from)
			if diff := cmp.Diff(numberedLines(int(from.Stdout)+1, 10), withoutLast(out, from.Stdout < 11), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("stdout from %+v (-want +got)\n%s", from, diff)
			}
			if diff := cmp.Diff(numberedLines(int(from.Stderr)+1, 4), stderr, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("stderr from %+v (-want +got)\n%s", from, diff)
			}
		}
	})
	t.Run("go on over a restart", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		name := b.started("-print=3", "-listen=none", "-exit-after=0s")
		b.exited(name)
		b.start(name)
		b.exited(name)
		b.copied(name, 6, 0)
		out, _ := b.lines(t.Context(), name, runner.Position{Stdout: 2})
		if diff := cmp.Diff([]string{"line 3", "line 1", "line 2", "line 3"}, out); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
	t.Run("end in the middle of a line, with which the next run goes on", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		spec := b.spec("-partial=half", "-listen=none", "-exit-after=0s")
		b.create(spec)
		want := ""
		for range 2 {
			stream := b.attached(spec.Name)
			b.start(spec.Name)
			if f, err := stream.Next(); err != nil || f.Descriptor != runner.Stderr || string(f.Data) != "half" {
				t.Errorf("attached: %+v, %v", f, err)
			}
			b.exited(spec.Name)
			want += "half"
			b.eventually(func(ctx context.Context) error {
				if got, ended := b.unended(ctx, spec.Name); got != want || ended {
					return fmt.Errorf("the copy has %q, ended: %t, want %q", got, ended, want)
				}
				return nil
			})
		}
	})
	t.Run("follow what comes later", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		name := b.serving("-print=2")
		stream, err := b.Logs(t.Context(), name, runner.Position{Stdout: 1}, true)
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Close()
		next := func() string {
			t.Helper()
			f, err := stream.Next()
			if err != nil || !f.Line || f.Gap || f.Time.IsZero() || time.Since(f.Time).Abs() > time.Minute {
				t.Fatalf("Next: %+v, %v", f, err)
			}
			return string(f.Data)
		}
		if got := next(); got != "line 2" {
			t.Errorf("first %q", got)
		}
		if got := next(); !strings.HasPrefix(got, "listening on") {
			t.Errorf("then %q", got)
		}
		for range 3 {
			b.get(name, "/log?n=1")
			if got := next(); got != "line 1" {
				t.Errorf("later %q", got)
			}
		}
		ended := make(chan error, 1)
		go func() {
			_, err := stream.Next()
			ended <- err
		}()
		stream.Close()
		if err := within(t, ended); !errors.Is(err, io.EOF) {
			t.Errorf("Next after Close: %v, want io.EOF", err)
		}
	})
	t.Run("of a container that never started are empty", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		spec := b.spec()
		b.create(spec)
		if out, stderr := b.lines(t.Context(), spec.Name, runner.Position{}); len(out)+len(stderr) > 0 {
			t.Errorf("%q %q", out, stderr)
		}
	})
}

func (b *bench) attached(name string) runner.Stream {
	b.t.Helper()
	stream, err := b.Attach(b.t.Context(), name)
	if err != nil {
		b.t.Fatalf("Attach: %v", err)
	}
	b.t.Cleanup(func() { stream.Close() })
	return stream
}

// lines reads the copy from the position to its end.
func (b *bench) lines(ctx context.Context, name string, from runner.Position) (out, stderr []string) {
	b.t.Helper()
	stream, err := b.Logs(ctx, name, from, false)
	if err != nil {
		b.t.Fatalf("Logs: %v", err)
	}
	defer stream.Close()
	var last time.Time
	for {
		f, err := stream.Next()
		switch {
		case errors.Is(err, io.EOF):
			return out, stderr
		case err != nil:
			b.t.Fatalf("Next: %v", err)
		case f.Time.Before(last), !f.Line, f.Gap:
			b.t.Fatalf("a frame after %s: %+v", last, f)
		}
		if last = f.Time; f.Descriptor == runner.Stdout {
			out = append(out, string(f.Data))
		} else {
			stderr = append(stderr, string(f.Data))
		}
	}
}

// unended reads the copy of one line, and whether that has an end.
func (b *bench) unended(ctx context.Context, name string) (text string, ended bool) {
	b.t.Helper()
	stream, err := b.Logs(ctx, name, runner.Position{}, false)
	if err != nil {
		b.t.Fatalf("Logs: %v", err)
	}
	defer stream.Close()
	for {
		f, err := stream.Next()
		if errors.Is(err, io.EOF) {
			return text, ended
		}
		if err != nil {
			b.t.Fatalf("Next: %v", err)
		}
		text, ended = text+string(f.Data), ended || f.Line
	}
}

// copied waits until the runner's copy has so many lines.
func (b *bench) copied(name string, stdout, stderr int) {
	b.t.Helper()
	b.eventually(func(ctx context.Context) error {
		if o, e := b.lines(ctx, name, runner.Position{}); len(o) != stdout || len(e) != stderr {
			return fmt.Errorf("the copy has %d and %d lines, want %d and %d", len(o), len(e), stdout, stderr)
		}
		return nil
	})
}

// read returns what comes on fd up to so many newlines, and fails if anything
// comes on the other one.
func read(t *testing.T, stream runner.Stream, fd runner.Descriptor, lines int) string {
	t.Helper()
	stop := time.AfterFunc(patience, func() { stream.Close() })
	defer stop.Stop()
	var got strings.Builder
	for n := 0; n < lines; {
		f, err := stream.Next()
		if err != nil {
			t.Fatalf("Next: %v, after %d of %d lines", err, n, lines)
		}
		if f.Descriptor != fd {
			t.Fatalf("%q on descriptor %d", f.Data, f.Descriptor)
		}
		got.Write(f.Data)
		n += strings.Count(string(f.Data), "\n")
	}
	return got.String()
}

// numbered is what test/app prints.
func numbered(n int) string { return strings.Join(numberedLines(1, n), "\n") + "\n" }

func numberedLines(first, last int) []string {
	var lines []string
	for i := first; i <= last; i++ {
		lines = append(lines, fmt.Sprintf("line %d", i))
	}
	return lines
}

// withoutLast drops the last line if there is one to drop.
func withoutLast(lines []string, drop bool) []string {
	if !drop || len(lines) == 0 {
		return lines
	}
	return lines[:len(lines)-1]
}

// within returns what comes on c, or fails.
func within[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatal("nothing happened")
		var none T
		return none
	}
}
