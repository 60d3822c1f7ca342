package logs_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/logs"
)

func TestOneProcessOpensADirectory(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	o := logs.Options{Dir: dir, Logger: slog.New(slog.DiscardHandler)}
	l := openLog(t, o)
	if _, err := logs.Open(t.Context(), o); !fault.Is(err, fault.Conflict) {
		t.Errorf("a second time: %v", err)
	}
	forked, err := l.CopyLock()
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(forked)
	closeLog(t, l)
	openLog(t, o)
}

// What a killed process left open is open, and goes on.
func TestWhatWasLeftOpenIsOpen(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	src, replica := newSource(), newReplica()
	l := openLog(t, logs.Options{Dir: dir})
	write(t, writer(t, l, src, logs.Stdout, replica), []byte("one\n"))
	closeLog(t, l)

	l = openLog(t, logs.Options{Dir: dir})
	f := follow(t, l, logs.FollowOptions{Source: src, Tail: 10})
	if b := nextBatch(t, f); !cmp.Equal(messages(b.Lines), []string{"one"}) {
		t.Errorf("got %q", messages(b.Lines))
	}
	write(t, writer(t, l, src, logs.Stdout, replica), []byte("two\n"))
	if b := nextBatch(t, f); b.Lines[0].Seq != 2 {
		t.Errorf("the next line is %+v", b.Lines[0])
	}
}

// A reader who saw lines that a power cut took does not miss those that come
// in their place.
func TestACursorBehindTheEndIsTheEnd(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	src, replica, other := newSource(), newReplica(), newReplica()
	l := openLog(t, logs.Options{Dir: dir})
	w := writer(t, l, src, logs.Stdout, replica)
	write(t, w, []byte("one\n"))
	write(t, w, []byte("two\n"))
	write(t, w, []byte("three\n"))
	w = writer(t, l, src, logs.Stdout, other)
	write(t, w, []byte("from another\n"))
	if _, err := w.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	seen := query(t, l, logs.Query{Source: src}).EndCursor
	closeLog(t, l)
	paths, err := filepath.Glob(filepath.Join(dir, src.Group, src.ID, "*"+replica+"*.spool"))
	if err != nil || len(paths) != 1 {
		t.Fatalf("%v, %v", paths, err)
	}
	info, err := os.Stat(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(paths[0], info.Size()/2); err != nil {
		t.Fatal(err)
	}

	l = openLog(t, logs.Options{Dir: dir})
	w = writer(t, l, src, logs.Stdout, other)
	write(t, w, []byte("first\n"))
	if _, err := w.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	f := follow(t, l, logs.FollowOptions{Source: src, After: seen})
	b := nextBatch(t, f)
	w = writer(t, l, src, logs.Stdout, replica)
	write(t, w, []byte("two again\nthree again\n"))
	if _, err := w.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	f = follow(t, l, logs.FollowOptions{Source: src, After: b.Cursors()[0]})
	if b := nextBatch(t, f); !cmp.Equal(messages(b.Lines), []string{"two again", "three again"}) {
		t.Errorf("after the power cut comes %q", messages(b.Lines))
	}
}

// A store that is away: lines stay in the spool, are read from it, and move on
// when the store is back.
func TestTheStoreMayBeAway(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	src := newSource()
	l := openLog(t, logs.Options{Dir: dir, Store: noStore{}}.WithFiles(1<<10, 1<<20))
	fill(t, l, src, 1000)
	end(t, l, src)
	check := func() {
		t.Helper()
		lines, gaps := everything(t, l, src)
		for i, line := range lines {
			if line.Seq != uint64(i+1) {
				t.Fatalf("line %d is %+v", i+1, line)
			}
		}
		if len(lines) != 1000 || len(gaps) > 0 {
			t.Errorf("%d lines, %d gaps", len(lines), len(gaps))
		}
	}
	check()
	closeLog(t, l)
	l = openLog(t, logs.Options{Dir: dir})
	check()
	settled(t, dir)
	check()
}

// Numbers of streams are never given out twice, because cursors count on it.
func TestStreamNumbersRise(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	src := newSource()
	last := uint64(0)
	for round := range 4 {
		l := openLog(t, logs.Options{Dir: dir})
		for range 3 {
			w := writer(t, l, src, logs.Stdout, newReplica())
			write(t, w, []byte("one\n"))
			if _, err := w.Resume(t.Context()); err != nil {
				t.Fatal(err)
			}
			lines, _ := everything(t, l, src)
			number := uint64(0)
			for _, line := range lines {
				number = max(number, line.Stream.Number)
			}
			if number <= last {
				t.Errorf("stream %d comes after %d", number, last)
			}
			last = number
		}
		closeLog(t, l)
		if round == 1 {
			if err := os.Remove(filepath.Join(dir, "numbers")); err != nil {
				t.Fatal(err)
			}
		}
		if round == 2 {
			if err := os.WriteFile(filepath.Join(dir, "numbers"), []byte("garbage"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestRemoveLeavesNothing(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	l := openLog(t, logs.Options{Dir: dir}.WithFiles(1<<10, 4<<10))
	src, other := newSource(), newSource()
	fill(t, l, src, 300)
	fill(t, l, other, 300)
	w := writer(t, l, src, logs.Stdout, newReplica())
	f := follow(t, l, logs.FollowOptions{Source: src})
	for range 2 {
		if err := l.Remove(t.Context(), src); err != nil {
			t.Fatal(err)
		}
	}
	wantEnd(t, f, logs.SourceRemoved)
	if _, err := w.Write([]byte("too late\n")); err == nil {
		t.Error("a writer of a removed source takes lines")
	}
	if _, err := os.Stat(filepath.Join(dir, src.Group, src.ID)); !os.IsNotExist(err) {
		t.Errorf("the directory: %v", err)
	}
	if _, err := l.Query(t.Context(), logs.Query{Source: src}); !fault.Is(err, fault.NotFound) {
		t.Errorf("a query: %v", err)
	}
	if lines, _ := everything(t, l, other); len(lines) != 300 {
		t.Errorf("the other source has %d lines", len(lines))
	}
	if err := l.Remove(t.Context(), logs.Source{Group: "..", ID: "."}); !fault.Is(err, fault.Invalid) {
		t.Errorf("removing a path: %v", err)
	}
}

func TestALongMessageEndsAPage(t *testing.T) {
	t.Parallel()

	l := openLog(t, logs.Options{Dir: t.TempDir()})
	src := newSource()
	w := writer(t, l, src, logs.Stdout, newReplica())
	for range 200 {
		write(t, w, []byte(strings.Repeat("x", logs.MaxLine)+"\n"))
	}
	if _, err := w.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	page := query(t, l, logs.Query{Source: src, Limit: logs.MaxPage})
	if len(page.Lines) != 64 || !page.HasMoreBefore {
		t.Errorf("%d lines on a page, more %t", len(page.Lines), page.HasMoreBefore)
	}
	if lines, _ := everything(t, l, src); len(lines) != 200 {
		t.Errorf("%d lines in all", len(lines))
	}
}
